/* The durations of a job's phases, and the resources that it used, for its result. */
import type { Phases, Resources } from '../../protocol/messages/measures.ts'
import { defined } from '../../result.ts'
import type { JobExit } from '../executors/executor.ts'
import type { Preparation } from './job.ts'

/** The phases up to the end of a job. `preparation`: undefined where an earlier release has placed it. */
export function phasesOf(exit: JobExit, preparation: Preparation | undefined): Phases {
  const run = phaseSeconds(exit.startedAt, exit.at)
  if (preparation === undefined) return { run }
  const { image_seconds, image_at } = preparation
  return { image: rounded(image_seconds), start: phaseSeconds(new Date(image_at), exit.startedAt), run }
}

/** Undefined where nothing is known. */
export function resourcesOf({ resources = {} }: JobExit): Resources | undefined {
  const { cpuSeconds, peakMemoryBytes } = resources
  const known = defined({
    cpu_seconds: cpuSeconds === undefined ? undefined : rounded(cpuSeconds),
    peak_memory_bytes: peakMemoryBytes,
  })
  return Object.keys(known).length === 0 ? undefined : known
}

/** Not less than 0: a clock may have been set meanwhile. */
export const phaseSeconds = (from: Date, to: Date): number =>
  Math.max(0, rounded((to.getTime() - from.getTime()) / 1000))

/** To milliseconds. */
const rounded = (seconds: number): number => Math.round(seconds * 1000) / 1000
