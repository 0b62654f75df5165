import { type EndOfChain, runChain } from '../../src/chain/chain.ts'
import type { PlannedTask } from '../../src/chain/planned-task.ts'
import type { TaskSettings } from '../../src/config/sections/task.ts'
import type { Clock } from '../../src/edges.ts'
import type { Event, Outcome, TryEnd } from '../../src/event.ts'

/** A task of a scripted chain: the ends of its tries, one after another; the last one repeats. */
export interface Script {
  outcomes: Outcome[]
  max_tries: number
  required: boolean
}

export interface ChainScript {
  scripts: Script[]
  retry_from: 'beginning' | 'failed'
  /** The signal comes during this step (try or wait), counted from 1. */
  stopAt?: number
  /** The tries of this task leave processes that SIGKILL does not end. */
  unkillable?: number
}

/** A step of a scripted chain. */
export type Step =
  | { did: 'try'; task: number; tryNum: number; outcome: Outcome }
  | { did: 'wait'; seconds: number }
  | { did: 'halt' }
  | { did: 'tell'; event: Event }

/** Runs the real state machine of a chain with tries and waits that only pretend. */
export async function runScript({
  scripts,
  retry_from,
  stopAt,
  unkillable,
}: ChainScript): Promise<{ end: EndOfChain; steps: Step[] }> {
  const steps: Step[] = []
  const tried = scripts.map(() => 0)
  const stop = new AbortController()
  let count = 0
  const mayStop = () => {
    if (++count === stopAt) stop.abort('SIGTERM')
    return stop.signal.aborted
  }
  const clock: Clock = {
    now: () => new Date(0),
    monotonic: () => 0,
    async sleep(seconds) {
      steps.push({ did: 'wait', seconds })
      mayStop()
    },
  }
  const end = await runChain(
    { tasks: scripts.map(plannedTask), parallel: 1, retry_from },
    {
      async attempt(task, tryNum) {
        const at = Number(task.file)
        const script = scripts[at]!
        const scripted = script.outcomes[Math.min(tried[at]!++, script.outcomes.length - 1)]!
        const outcome = mayStop() ? 'INTERRUPTED' : scripted
        steps.push({ did: 'try', task: at, tryNum, outcome })
        return tryEnd(outcome, at === unkillable)
      },
      async halt() {
        steps.push({ did: 'halt' })
      },
      clock,
      random: () => 0.5,
      emit: event => void steps.push({ did: 'tell', event }),
      stop: stop.signal,
    },
  )
  return { end, steps }
}

/** No condition, and in each run. */
export const always = {
  run: 'always',
  watch: [],
  condition_path_exists: [],
  condition_first_boot: [],
  condition_kernel_command_line: [],
  condition_command: [],
  order: 'name',
  exclusive: false,
} as const satisfies Partial<TaskSettings>

export function plannedTask({ max_tries, required }: Script, at: number): PlannedTask {
  const file = String(at)
  const limits = { max_time: 1, max_tries, sleep_time: 1, retry_jitter: 0, backoff: 1, kill_grace: 1 }
  const settings = { ...limits, ...always, interpreter: [], depends_on: [], required }
  return { file, name: file, alias: file, path: `/${file}`, settings, texts: new Map(), dependencies: [] }
}

export function tryEnd(outcome: Outcome, unkillable: boolean): TryEnd {
  return {
    outcome,
    killed: [],
    survivors: unkillable ? [{ pid: 1, command: 'unkillable' }] : [],
    started_at: '1970-01-01T00:00:00.000Z',
    duration_seconds: 0,
    log: { bytes: 0, lines: 0, left_out: 0 },
    last_lines: [],
  }
}
