/* The definition of a job as JSON, which an operator can change. */
import { useRef, useState } from 'preact/hooks'
import type { ShownJob } from '../../protocol/messages/jobs.ts'
import { usePage } from '../context.ts'
import { jobCall, type Named, placeOf } from '../jobs.ts'
import { mayOperate } from '../session.ts'
import { Button, Form } from '../ui/form.tsx'
import { Problem, Section } from '../ui/show.tsx'

export function Definition({ named, job, refresh }: { named: Named; job: ShownJob; refresh(): void }) {
  const { session } = usePage()
  const [isEdited, setEdited] = useState(false)
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
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it. */}
          <pre tabIndex={0}>{text}</pre>
        </>
      )}
    </Section>
  )
}

/** Holds what somebody writes; changes of others do not touch it. */
function Editor({ named, text, onEnd }: { named: Named; text: string; onEnd: () => void }) {
  const { server, notices } = usePage()
  const field = useRef<HTMLTextAreaElement>(null)
  const [complaint, setComplaint] = useState<string>()
  const complain = (why: string) => {
    setComplaint(why)
    const place = placeOf(field.current?.value ?? '', why)
    field.current?.focus()
    if (place !== undefined) field.current?.setSelectionRange(place.from, place.to)
  }
  const put = async () => {
    try {
      const body: unknown = JSON.parse(field.current?.value ?? '')
      await server.json('PUT', jobCall(named), { body })
      notices.done(`Job ${named.name} is changed.`)
      onEnd()
    } catch (error) {
      const { message } = error as Error
      complain(error instanceof SyntaxError ? `This is not JSON: ${message}` : message)
    }
  }
  return (
    <Form onSend={put}>
      <label for="definition">JSON of {named.name}</label>
      <textarea
        id="definition"
        ref={field}
        defaultValue={text}
        spellcheck={false}
        aria-invalid={complaint !== undefined}
        aria-describedby="definition-complaint definition-help"
      />
      <div id="definition-complaint" role="alert">
        {complaint !== undefined && <p class="problem">{complaint}</p>}
      </div>
      <p id="definition-help" class="hint">
        Secrets are shown sealed, and are taken again so. A sealed text that is replaced by a clear one is
        sealed by the server.
      </p>
      <div class="buttons">
        <button type="submit">Save</button>
        <Button does={onEnd}>Cancel</Button>
      </div>
    </Form>
  )
}
