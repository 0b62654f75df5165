/* The search through a whole log. */
import { useRef, useState } from 'preact/hooks'
import { sizeText } from '../texts.ts'
import { Button, Field, Form } from '../ui/form.tsx'
import { mostFound, type Progress, search } from './search.ts'
import type { ReadRange } from './window.ts'

export function SearchBar({ read, go }: { read: ReadRange; go(at: number): void }) {
  const [progress, setProgress] = useState<Progress>()
  const [isBusy, setBusy] = useState(false)
  const [index, setIndex] = useState(0)
  const [problem, setProblem] = useState<string>()
  const running = useRef(0)
  const stop = () => {
    running.current++
    setBusy(false)
  }
  const show = (found: readonly number[], place: number) => {
    setIndex(place)
    go(found[place]!)
  }
  const begin = async (text: string) => {
    const own = ++running.current
    setProblem(undefined)
    setProgress(undefined)
    if (text === '') return
    setBusy(true)
    let isFirst = true
    try {
      for await (const step of search(read, text)) {
        if (running.current !== own) return
        setProgress({ ...step })
        if (isFirst && step.found.length > 0) {
          isFirst = false
          show(step.found, 0)
        }
      }
    } catch (error) {
      if (running.current === own) setProblem((error as Error).message)
    }
    if (running.current === own) setBusy(false)
  }
  const found = progress?.found ?? []
  return (
    <search>
      <Form class="search" onSend={fields => void begin(String(fields.get('text')))}>
        <Field label="Search the log" name="text" type="search" spellcheck={false} />
        <button type="submit" class="quiet">
          Search
        </button>
        {isBusy && progress !== undefined && (
          <progress aria-label="Searched" max={progress.length} value={progress.read} />
        )}
        {isBusy && <Button does={stop}>Cancel</Button>}
        {found.length > 1 && (
          <>
            <Button does={() => show(found, index - 1)} disabled={index === 0}>
              Previous
            </Button>
            <Button does={() => show(found, index + 1)} disabled={index >= found.length - 1}>
              Next
            </Button>
          </>
        )}
        <span role="status" class="hint">
          {problem ?? statusText(progress, isBusy, index)}
        </span>
      </Form>
    </search>
  )
}

function statusText(progress: Progress | undefined, isBusy: boolean, index: number): string {
  if (progress === undefined) return ''
  const { found, read, length } = progress
  const count = found.length >= mostFound ? `more than ${mostFound}` : `${found.length}`
  const where = isBusy || read < length ? ` in the first ${sizeText(read)}` : ''
  return found.length === 0 ? `not found${where}` : `${index + 1} of ${count}${where}`
}
