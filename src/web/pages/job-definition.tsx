/* The definition of a job as JSON, which an operator can change. */
import { useMemo, useRef, useState } from 'preact/hooks'
import type { BrowserSession } from '../../protocol/messages/browser.ts'
import type { ShownJob } from '../../protocol/messages/jobs.ts'
import { usePage } from '../context.ts'
import { jobCall, type Named, placeOf } from '../jobs.ts'
import { mayOperate } from '../session.ts'
import { Button, Form } from '../ui/form.tsx'
import { Problem, Section } from '../ui/show.tsx'

export function Definition({ named, job, refresh }: { named: Named; job: ShownJob; refresh(): void }) {
  const { session } = usePage()
  const [isEdited, setEdited] = useState(mayOperate(session) && draftOf(named, session) !== null)
  const { problem, ...definition } = job
  const text = JSON.stringify(definition, null, 2)
  const end = () => {
    setEdited(false)
    refresh()
  }
  return (
    <Section title="Definition" class="definition">
      <Problem why={problem} />
      {isEdited ? (
        <Editor named={named} text={text} onEnd={end} />
      ) : (
        <>
          {mayOperate(session) && <Button does={() => setEdited(true)}>Edit</Button>}
          <pre>{text}</pre>
        </>
      )}
    </Section>
  )
}

/** The place of what somebody has written and not saved: it is there after the end of the session, too. */
const placeOfDraft = (named: Named, { role, name }: BrowserSession) =>
  `runner-draft ${role} ${name} ${jobCall(named)}`
const draftOf = (named: Named, session: BrowserSession) =>
  sessionStorage.getItem(placeOfDraft(named, session))

/** Holds what somebody writes; changes of others do not touch it. */
export function Editor({ named, text, onEnd }: { named: Named; text: string; onEnd: () => void }) {
  const { server, notices, session } = usePage()
  const place = placeOfDraft(named, session)
  const draft = useMemo(() => draftOf(named, session), [])
  const end = () => {
    sessionStorage.removeItem(place)
    onEnd()
  }
  const field = useRef<HTMLTextAreaElement>(null)
  const [complaint, setComplaint] = useState<string>()
  const complain = (why: string) => {
    setComplaint(why)
    const wrong = placeOf(field.current?.value ?? '', why)
    field.current?.focus()
    if (wrong !== undefined) field.current?.setSelectionRange(wrong.from, wrong.to)
  }
  const put = async () => {
    try {
      const body: unknown = JSON.parse(field.current?.value ?? '')
      await server.json('PUT', jobCall(named), { body })
      notices.done(`Job ${named.name} is saved.`)
      end()
    } catch (error) {
      const { message } = error as Error
      complain(error instanceof SyntaxError ? `This is not JSON: ${message}` : message)
    }
  }
  return (
    <Form onSend={put}>
      {draft !== null && <p class="warned">You had not saved this text. Cancel drops it.</p>}
      <label for="definition">JSON of {named.name}</label>
      <textarea
        id="definition"
        ref={field}
        defaultValue={draft ?? text}
        onInput={event => sessionStorage.setItem(place, event.currentTarget.value)}
        spellcheck={false}
        aria-invalid={complaint !== undefined}
        aria-describedby="definition-complaint definition-help"
      />
      <div id="definition-complaint">
        <Problem why={complaint} />
      </div>
      <p id="definition-help" class="hint">
        Secrets are shown sealed, and are taken again so. A sealed text that is replaced by a clear one is
        sealed by the server.
      </p>
      <div class="buttons">
        <button type="submit">Save</button>
        <Button does={end}>Cancel</Button>
      </div>
    </Form>
  )
}
