/* The elements that look the same in all parts of the page. */
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Execution } from '../../protocol/messages/executions.ts'
import type { Shown } from '../live/resource.ts'
import { durationText, localTime, sentence, utcTime } from '../texts.ts'

interface Whole {
  title: string
  /** The content at the right of the title. */
  beside?: ComponentChildren
  children: ComponentChildren
}

/** The content of an address, with its heading, which is also the title of the tab. */
export function Page({ title, beside, children }: Whole) {
  useEffect(() => {
    document.title = `${title} – runner`
  }, [title])
  return (
    <>
      <div class="title">
        <h1>{title}</h1>
        {beside}
      </div>
      {children}
    </>
  )
}

/** A time of the server, local with its zone, perhaps with a word before it; the title shows it in UTC. */
export function Time({ at, before = '' }: { at: string | null | undefined; before?: string }) {
  if (at === null || at === undefined) return <span class="hint">–</span>
  return (
    <time dateTime={at} title={utcTime(at)}>
      {before} {localTime(at)}
    </time>
  )
}

/** Seconds as people say them. */
export function Duration({ seconds }: { seconds: number | null | undefined }) {
  return <span class="number">{seconds === null || seconds === undefined ? '–' : durationText(seconds)}</span>
}

/** The marks of the states of an execution. */
export const marks: Record<Execution['state'], string> = {
  queued: '…',
  reserved: '…',
  running: '▶',
  aborting: '■',
  succeeded: '✓',
  failed: '✗',
  aborted: '■',
  lost: '?',
  withdrawn: '–',
}

/** A state by its word and its mark: nobody has to tell colours apart. */
export function Marked({ state, mark, word = state }: { state: string; mark: string; word?: string }) {
  return (
    <span class={`state ${state}`}>
      <span aria-hidden="true">{mark}</span> {word}
    </span>
  )
}

/** A thing, and below it what is said of it, where something is. */
export function Noted({ of, by }: { of: ComponentChildren; by: ComponentChildren }) {
  return (
    <>
      {of}
      {by && <div class="hint">{by}</div>}
    </>
  )
}

export const State = ({ of }: { of: Execution['state'] }) => <Marked state={of} mark={marks[of]} />

/** The state of a read: its data, a note that it is under way, or the reason of its failure. */
export function Loaded<T>({ of, children }: { of: Shown<T>; children: (data: T) => ComponentChildren }) {
  const { data, error } = of
  return (
    <>
      <Problem why={error?.message} />
      {data !== undefined ? children(data) : error === undefined && <p class="hint">Asking the server …</p>}
    </>
  )
}

/** Why something has failed, where it has. */
export function Problem({ why }: { why: string | undefined }) {
  if (why === undefined) return null
  return (
    <p role="alert" class="problem">
      {sentence(why)}
    </p>
  )
}

interface Part {
  title: string
  class?: string
  children: ComponentChildren
}

/** A part of a page, with its heading. */
export function Section({ title, children, class: name }: Part) {
  return (
    <section class={name}>
      <h2>{title}</h2>
      {children}
    </section>
  )
}

/** A line that leads to more. */
export function Onward({ to, children }: { to: string; children: string }) {
  return (
    <p>
      <a href={to}>{children}</a>
    </p>
  )
}

/** Facts by their names: without a value, a fact is left out; an empty text is a value that is not there. */
export function Facts({ of }: { of: Readonly<Record<string, ComponentChildren>> }) {
  return (
    <dl class="facts">
      {Object.entries(of).map(([name, value]) =>
        value === undefined || value === null || value === false ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value === '' ? '–' : value}</dd>
          </div>
        ),
      )}
    </dl>
  )
}
