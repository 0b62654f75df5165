/* When the phases of an attempt were, for a chart. */
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import { durationText } from '../texts.ts'

const texts = {
  queued: 'queued',
  image: 'image',
  start: 'starting',
  run: 'running',
  result: 'sending the result',
}
const phaseNames = Object.keys(texts) as (keyof typeof texts)[]

/** A phase of an attempt, in ms; one that has not ended ends now. */
export interface Span {
  phase: keyof typeof texts
  from: number
  to: number
}

type Facts = Pick<ListedExecution, 'created_at' | 'started_at' | 'finished_at' | 'phases' | 'state'>

/** Whether an execution has ended for good. */
export const isOver = ({ state, finished_at }: Pick<Facts, 'state' | 'finished_at'>): boolean =>
  finished_at !== null && !['queued', 'reserved', 'running', 'aborting'].includes(state)

/** The phases of an attempt, one after the other, as far as they are known. */
export function spansOf({ created_at, started_at, finished_at, phases, state }: Facts, now: number): Span[] {
  const created = Date.parse(created_at)
  if (phases !== null && phases !== undefined && finished_at !== null) {
    let from = created
    return phaseNames.flatMap(phase => {
      const seconds = phases[phase]
      if (seconds === undefined) return []
      const span = { phase, from, to: from + seconds * 1000 }
      from = span.to
      return [span]
    })
  }
  const end = finished_at === null ? now : Date.parse(finished_at)
  if (started_at === null) return [{ phase: 'queued', from: created, to: Math.max(created, end) }]
  const started = Math.max(created, Date.parse(started_at))
  const phase = state === 'queued' ? 'queued' : 'run'
  return [
    { phase: 'queued', from: created, to: started },
    { phase, from: started, to: Math.max(started, end) },
  ]
}

/** `queued 2 s`. */
export const spanText = ({ phase, from, to }: Span): string =>
  `${texts[phase]} ${durationText((to - from) / 1000)}`
