import { setImmediate } from 'node:timers/promises'
import { type EndOfChain, runChain } from '../../src/chain/chain.ts'
import type { PlannedTask } from '../../src/chain/planned-task.ts'
import type { Event, Outcome, ResumeFact } from '../../src/event.ts'
import { plannedTask, type Script, tryEnd } from './scripted-chain.ts'

/** A task of a chain that may have several under way. */
export interface ScriptAtOnce extends Script {
  order: 'name' | 'free'
  exclusive: boolean
  /** Tasks before this one. */
  dependencies: number[]
}

export interface ChainAtOnce {
  scripts: ScriptAtOnce[]
  parallel: number
  retry_from: 'beginning' | 'failed'
  /** Which of the tries and waits that are under way ends next; begins again at its end. */
  picks: number[]
  /** The signal comes after so many of these ends. */
  stopAt?: number
  resume?: Omit<ResumeFact, 'killed'>
  /** How many tries of each task earlier runs had; none without it. */
  tried?: readonly number[]
}

/** A step of a chain. */
export type Act =
  | { did: 'begin'; task: number; tryNum: number }
  | { did: 'end'; task: number; tryNum: number; outcome: Outcome }
  | { did: 'wait' | 'waited' | 'halt' }
  | { did: 'tell'; event: Event }

interface UnderWay {
  name: string
  finish(): void
}

/** Runs the real state machine of a chain with tries and waits that end in the order of `picks`. */
export async function runAtOnce({
  scripts,
  parallel,
  retry_from,
  picks,
  stopAt,
  resume,
  tried: before,
}: ChainAtOnce): Promise<{ end: EndOfChain; acts: Act[] }> {
  const acts: Act[] = []
  const tried = scripts.map((_, task) => before?.[task] ?? 0)
  const stop = new AbortController()
  const underWay: UnderWay[] = []
  const until = (name: string, signal?: AbortSignal) =>
    new Promise<void>(resolve => {
      const one = { name, finish: () => resolve() }
      if (signal?.aborted) return resolve()
      underWay.push(one)
      signal?.addEventListener('abort', () => {
        const at = underWay.indexOf(one)
        if (at !== -1) underWay.splice(at, 1)
        resolve()
      })
    })
  const ended = runChain(
    { tasks: scripts.map(taskAtOnce), parallel, retry_from, resume },
    {
      async attempt(task, tryNum) {
        const at = Number(task.file)
        const { outcomes } = scripts[at]!
        const scripted = outcomes[Math.min(tried[at]!++, outcomes.length - 1)]!
        acts.push({ did: 'begin', task: at, tryNum })
        await until(task.file)
        const outcome = stop.signal.aborted ? 'INTERRUPTED' : scripted
        acts.push({ did: 'end', task: at, tryNum, outcome })
        return tryEnd(outcome, false)
      },
      async halt() {
        acts.push({ did: 'halt' })
      },
      clock: {
        now: () => new Date(0),
        monotonic: () => 0,
        async sleep(_, signal) {
          acts.push({ did: 'wait' })
          await until('wait', signal)
          acts.push({ did: 'waited' })
        },
      },
      random: () => 0.5,
      emit: event => void acts.push({ did: 'tell', event }),
      stop: stop.signal,
    },
  )
  let isOver = false
  const end = () => {
    isOver = true
  }
  void ended.then(end, end)
  for (let step = 0; ; step++) {
    await setImmediate()
    if (isOver) return { end: await ended, acts }
    if (step === stopAt) stop.abort('SIGTERM')
    // The same pick means the same task, whatever the order in which the tasks have begun.
    underWay.sort((a, b) => a.name.localeCompare(b.name))
    const [next] = underWay.splice(picks[step % picks.length]! % Math.max(1, underWay.length), 1)
    next?.finish()
  }
}

function taskAtOnce(script: ScriptAtOnce, at: number): PlannedTask {
  const task = plannedTask(script, at)
  const { order, exclusive } = script
  return {
    ...task,
    dependencies: script.dependencies.map(String),
    settings: { ...task.settings, order, exclusive },
  }
}
