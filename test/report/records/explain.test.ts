import fc from 'fast-check'
import t from 'tap'
import type { Event, Outcome } from '../../../src/event.ts'
import { foldRun, type Recorded } from '../../../src/journal/run-record.ts'
import { explain, explainText } from '../../../src/report/records/explain.ts'
import { type Act, type ChainAtOnce, runAtOnce } from '../../support/chain-at-once.ts'
import { tryEnd } from '../../support/scripted-chain.ts'

const statuses: Record<string, number> = { OK: 0, RETRY: 1, HALT: 2, EXIT: 3, REBOOT: 194 }
const outcomes = fc.constantFrom<Outcome>('OK', 'OK', 'RETRY', 'RETRY', 'HALT', 'EXIT', 'REBOOT')
const chains = fc.array(
  fc.record({
    outcomes: fc.array(outcomes, { minLength: 1, maxLength: 3 }),
    max_tries: fc.integer({ min: 1, max: 3 }),
  }),
  { minLength: 1, maxLength: 6 },
)
const picks = fc.array(fc.nat(), { minLength: 1, maxLength: 12 })

/** A record of a run of tasks that all run at once; each act is a second after the one before it. */
async function recordOf(chain: ChainAtOnce) {
  const { end, acts } = await runAtOnce(chain)
  const at = (index: number) => new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString()
  const tasks = chain.scripts.map((_, task) => ({ task: String(task), name: String(task), max_tries: 3 }))
  const events = acts.flatMap((act, index): Recorded[] => {
    const event = eventOf(act)
    return event === undefined ? [] : [{ at: at(index + 1), ...event }]
  })
  const ended = {
    at: at(acts.length + 1),
    event: 'run:ended',
    run_id: 1,
    reason: end.reason,
    exit_status: 0,
    tasks_done: end.done,
    duration_seconds: 1,
    ...(end.task === undefined ? {} : { task: end.task }),
  } as const
  const started = {
    at: at(0),
    event: 'run:started',
    format: 2,
    run_id: 1,
    boot_id: 'boot',
    pid: 1,
    start_ticks: '0',
    task_dir: '/tasks.d',
    parallel: chain.parallel,
    reboots: 0,
    tasks,
  } as const
  return foldRun(started, [...events, ended])
}

function eventOf(act: Act): Event | undefined {
  if (act.did === 'tell') return act.event
  if (act.did !== 'begin' && act.did !== 'end') return undefined
  const ref = { task: String(act.task), name: String(act.task), kind: 'task', try_num: act.tryNum } as const
  if (act.did === 'begin') return { event: 'try:started', ...ref, try_id: '', max_tries: 3, max_time: 0 }
  const exit_code = statuses[act.outcome]!
  return { event: 'try:ended', ...ref, ...tryEnd(act.outcome, false), exit_code }
}

t.test('the explanation of a run does not depend on which of its tasks ended first', async t => {
  const property = fc.asyncProperty(chains, picks, picks, async (drawn, one, other) => {
    const scripts = drawn.map(script => ({
      ...script,
      required: true,
      order: 'free' as const,
      exclusive: false,
      dependencies: [],
    }))
    const chain = { scripts, parallel: 6, retry_from: 'beginning' as const }
    const texts = await Promise.all(
      [one, other].map(async picks => explainText(explain(await recordOf({ ...chain, picks })))),
    )
    return texts[0] === texts[1]
  })
  await fc.assert(property, { numRuns: 300 })
  t.pass()
})

t.test('of several failures the explanation names the deciding one, and the others beside it', async t => {
  const script = { max_tries: 1, required: true, order: 'free' as const, exclusive: false, dependencies: [] }
  const record = await recordOf({
    scripts: (['RETRY', 'OK', 'EXIT', 'RETRY'] as const).map(outcome => ({ ...script, outcomes: [outcome] })),
    parallel: 4,
    retry_from: 'failed',
    picks: [3, 2, 1, 0],
  })
  t.match(explain(record), {
    task: '0',
    ending: 'exit status 1',
    beside: [
      { task: '2', try_num: 1, what: 'exit status 3' },
      { task: '3', try_num: 1, what: 'exit status 1' },
    ],
  })
})
