/* Small things that all parts of the page show in one way. */
import type { ComponentChildren } from 'preact'
import type { Execution } from '../../protocol/messages/executions.ts'
import type { Shown } from '../live/resource.ts'
import { durationText, localTime, utcTime } from '../texts.ts'

/** A time of the server, local with its zone; the title shows it in UTC. */
export function Time({ at }: { at: string | null | undefined }) {
  if (at === null || at === undefined) return <span class="hint">–</span>
  return (
    <time dateTime={at} title={utcTime(at)}>
      {localTime(at)}
    </time>
  )
}

/** Seconds as people say them. */
export function Duration({ seconds }: { seconds: number | null | undefined }) {
  return <span class="number">{seconds === null || seconds === undefined ? '–' : durationText(seconds)}</span>
}

const marks: Record<Execution['state'], string> = {
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

export const states = Object.keys(marks)

/** A state by its word and its mark: nobody has to tell colours apart. */
export function State({ of }: { of: Execution['state'] }) {
  return (
    <span class={`state ${of}`}>
      <span aria-hidden="true">{marks[of]}</span> {of}
    </span>
  )
}

/** What a read has given: its data, that it is under way, or why it has failed. */
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
      {why}
    </p>
  )
}

/** A part of a page, with its heading. */
export function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section>
      <h2>{title}</h2>
      {children}
    </section>
  )
}
