import fc from 'fast-check'
import t from 'tap'
import type { Outcome } from '../../src/event.ts'
import { decideResume, type ResumePoint } from '../../src/journal/resume.ts'
import { allFailed } from '../../src/journal/resume-fact.ts'
import { foldRun, type RunRecord } from '../../src/journal/run-record.ts'
import { type ChainAtOnce, runAtOnce } from '../support/chain-at-once.ts'
import { beginningOf, endOf, journalOf, plannedFacts } from '../support/journal-at-once.ts'

const outcome = fc.constantFrom<Outcome>('OK', 'OK', 'OK', 'RETRY', 'RETRY', 'HALT', 'EXIT')
const chains = fc.record({
  scripts: fc
    .array(
      fc.record({
        outcomes: fc.array(outcome, { minLength: 1, maxLength: 4 }),
        max_tries: fc.integer({ min: 1, max: 4 }),
        required: fc.boolean(),
        order: fc.constantFrom('name' as const, 'free' as const, 'free' as const),
        exclusive: fc.constantFrom(false, false, false, true),
        needs: fc.array(fc.nat(), { maxLength: 2 }),
      }),
      { minLength: 1, maxLength: 6 },
    )
    .map(drawn =>
      drawn.map(({ needs, ...script }, at) => ({
        ...script,
        dependencies: at === 0 ? [] : [...new Set(needs.map(need => need % at))],
      })),
    ),
  retry_from: fc.constantFrom('beginning' as const, 'failed' as const),
})
/** Each run has as many events as `keep` says when it is killed, and as many places as `parallel`. */
const kills = fc.array(
  fc.record({
    keep: fc.integer({ min: 0, max: 14 }),
    parallel: fc.integer({ min: 1, max: 4 }),
    picks: fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
  }),
  { minLength: 1, maxLength: 8 },
)

/** Runs a chain that is killed again and again, and resumed by its journal each time: the records, in order. */
async function runKilled(
  chain: Pick<ChainAtOnce, 'scripts' | 'retry_from'>,
  kills: readonly { keep: number; parallel: number; picks: number[] }[],
): Promise<RunRecord[]> {
  const records: RunRecord[] = []
  let resume: ResumePoint | undefined
  for (let run = 0; ; run++) {
    const kill = kills[run]
    const how = { ...chain, ...(kill ?? { parallel: 3, picks: [0] }) }
    const tried = chain.scripts.map((_, task) => records.at(-1)?.tried.get(String(task)) ?? 0)
    const { end, acts } = await runAtOnce({ ...how, tried, ...(resume === undefined ? {} : { resume }) })
    const events = [...journalOf(acts), endOf(end)]
    const beginning = beginningOf(how, resume && { ...resume, killed: [] })
    records.push(foldRun(beginning, kill === undefined ? events : events.slice(0, kill.keep)))
    const present = { boot_id: 'boot', tasks: plannedFacts(chain), resume_across_boots: false }
    const decided = decideResume(records.at(-1)!, present)
    if (!decided.ok) return records
    resume = decided.value
  }
}

function holds(
  title: string,
  check: (records: RunRecord[], chain: Pick<ChainAtOnce, 'scripts' | 'retry_from'>) => boolean,
) {
  t.test(title, async t => {
    const property = fc.asyncProperty(chains, kills, async (chain, kills) =>
      check(await runKilled(chain, kills), chain),
    )
    await fc.assert(property, { numRuns: 600 })
    t.pass()
  })
}

const ends = (records: readonly RunRecord[], task: number) =>
  records
    .flatMap(({ tries }) => tries)
    .filter(({ started, ended }) => started.task === String(task) && ended !== undefined)
    .map(({ ended }) => ended!.outcome)

holds(
  'with retry_from = failed a task is tried no more often than it may be, and never after OK',
  (all, chain) =>
    chain.scripts.every(({ max_tries }, task) => {
      const outcomes = ends(all, task)
      const isCounted = outcomes.length <= max_tries && !outcomes.slice(0, -1).includes('OK')
      return chain.retry_from === 'beginning' || isCounted
    }),
)

holds('with retry_from = beginning the tries of the chain go on counting over all kills', (all, chain) => {
  const counts = all.flatMap(({ tries }) =>
    tries
      .filter(({ started }) => chain.scripts[Number(started.task)]!.required)
      .map(({ started }) => started.try_num),
  )
  const most = Math.max(...chain.scripts.map(({ max_tries }) => max_tries))
  const isCounted = counts.every((count, at) => count <= most && (at === 0 || count >= counts[at - 1]!))
  return chain.retry_from === 'failed' || isCounted
})

holds('no HALT and no EXIT of a killed run is forgotten: nothing runs after it', all =>
  all.slice(0, -1).every(({ tries }) => tries.every(({ ended }) => !isLast(ended?.outcome))),
)

const isLast = (outcome: Outcome | undefined) => outcome === 'HALT' || outcome === 'EXIT'

holds(
  'nothing begins after the last try of a required task has failed, also if that was not told',
  (all, chain) => {
    const first = all.findIndex(({ tries }) =>
      tries.some(({ started, ended }) => {
        const { required, max_tries } = chain.scripts[Number(started.task)]!
        return required && ended?.outcome === 'RETRY' && started.try_num >= max_tries
      }),
    )
    return first === -1 || all.slice(first + 1).every(({ tries }) => tries.length === 0)
  },
)

holds('a run that succeeds at last has done every task, and each when it might begin', (all, chain) => {
  const last = all.at(-1)!
  const isWhole = last.ended?.reason !== 'succeeded' || last.done.length === chain.scripts.length
  return isWhole && all.every(record => eachMightBegin(record, chain.scripts))
})

/** Whether all that each try of a run depends on was done when it began. */
function eachMightBegin({ started, tries }: RunRecord, scripts: ChainAtOnce['scripts']): boolean {
  return tries.every(({ started: one }) => {
    const task = Number(one.task)
    const { order, dependencies } = scripts[task]!
    const needs = order === 'free' ? dependencies : [...dependencies, ...Array(task).keys()]
    const isDone = (need: number) =>
      started.resumes?.done.includes(String(need)) === true ||
      // It has had its last try before, and is given up without another one.
      allFailed(started.resumes).some(({ task }) => task === String(need)) ||
      tries.some(
        other => other.started.task === String(need) && other.ended !== undefined && other.ended.at < one.at,
      )
    return needs.every(isDone)
  })
}
