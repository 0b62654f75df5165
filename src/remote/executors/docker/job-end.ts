import type { JobExit } from '../executor.ts'
import type { ExitFacts } from '../handover/order.ts'
import type { EngineContainer } from './engine-container.ts'

export type HowEnded = JobExit extends infer One
  ? One extends unknown
    ? Omit<One, 'startedAt' | 'at' | 'resources'>
    : never
  : never

/** The evidence about the end of a job. */
export interface EndEvidence {
  /** The content of `exit`; undefined: the container ended before the file was written. */
  facts: ExitFacts | undefined
  /** When the job started. */
  since: Date
  /** Why the job had to end: it exceeded the limit of its disk. */
  diskExceeded: string | undefined
  /** Its container, as the engine knows it; undefined if it is gone. */
  engineSide: EngineContainer | undefined
}

/** The exit status that an engine gives to a container that SIGKILL has ended. */
const killed = 137
/** Seconds in which an engine must tell why: on a busy machine it tells of gVisor's memory after the end. */
const lateEvents = 2

/** Finds out how a job ended. The engine is asked only if the files do not say it. */
export async function howItEnded({ facts, since, diskExceeded, engineSide }: EndEvidence): Promise<HowEnded> {
  const code = facts?.code
  const { why, refused } = facts ?? { why: undefined, refused: false }
  if (facts !== undefined && why === 'exit' && code === 0) return { by: 'status', code }
  if (diskExceeded !== undefined) return { by: 'disk', code, message: diskExceeded }
  if (why === 'disk')
    return { by: 'disk', code, message: 'its output could not be kept: the disk of work_dir was full' }
  if (why === 'abort') return { by: 'stopped', code }
  if (why === 'limit') return { by: 'time-limit', code }
  if (await engineSide?.ranOutOfMemory(since)) return { by: 'oom', code }
  if (facts !== undefined) return { by: refused ? 'not-startable' : 'status', code: facts.code }
  const last = await engineSide?.facts()
  const known = last?.ok === true && !last.value.running ? last.value : undefined
  const isKilled = known?.exit_code === killed
  if (isKilled && (await engineSide?.ranOutOfMemory(since, lateEvents))) return { by: 'oom', code }
  const said = known && `: ${known.error ?? `status ${known.exit_code}`}`
  return { by: 'lost', message: `its container ended while it ran${said ?? ''}` }
}
