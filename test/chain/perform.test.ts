import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import type { Outcome } from '../../src/event.ts'
import { type Act, type ChainAtOnce, runAtOnce, type ScriptAtOnce } from '../support/chain-at-once.ts'

const outcome = fc.constantFrom<Outcome>('OK', 'OK', 'OK', 'OK', 'RETRY', 'RETRY', 'HALT', 'EXIT', 'REBOOT')
const script = fc.record({
  outcomes: fc.array(outcome, { minLength: 1, maxLength: 4 }),
  max_tries: fc.integer({ min: 1, max: 3 }),
  required: fc.boolean(),
  order: fc.constantFrom('name' as const, 'free' as const, 'free' as const),
  exclusive: fc.constantFrom(false, false, false, true),
  needs: fc.array(fc.nat(), { maxLength: 2 }),
})
const scripts: fc.Arbitrary<ScriptAtOnce[]> = fc.array(script, { maxLength: 7 }).map(drawn =>
  drawn.map(({ needs, ...rest }, at) => ({
    ...rest,
    dependencies: at === 0 ? [] : [...new Set(needs.map(need => need % at))],
  })),
)
const picks = fc.array(fc.nat(), { minLength: 1, maxLength: 12 })
const anyChain: fc.Arbitrary<ChainAtOnce> = fc.record(
  {
    scripts,
    parallel: fc.integer({ min: 1, max: 4 }),
    retry_from: fc.constantFrom('beginning', 'failed'),
    picks,
    stopAt: fc.integer({ min: 0, max: 10 }),
  },
  { requiredKeys: ['scripts', 'parallel', 'retry_from', 'picks'] },
)

/** The tasks that are done and under way before an act, as the acts before it tell. */
function progress(acts: readonly Act[], { scripts, retry_from }: ChainAtOnce) {
  const done = new Set<number>()
  const underWay = new Set<number>()
  for (const act of acts) {
    if (act.did === 'begin') underWay.add(act.task)
    if (act.did === 'end') {
      const { required } = scripts[act.task]!
      const alone = !required || retry_from === 'failed'
      if (act.outcome !== 'RETRY' || !alone) underWay.delete(act.task)
      if (act.outcome === 'OK') done.add(act.task)
    }
    if (act.did !== 'tell') continue
    if (act.event.event === 'task:given-up') {
      const task = Number(act.event.task)
      underWay.delete(task)
      if (!act.event.required) done.add(task)
    }
    if (act.event.event === 'chain:waiting' && act.event.counts === 'chain') {
      done.clear()
      underWay.clear()
    }
  }
  return { done, underWay }
}

function holds(
  title: string,
  check: (chain: ChainAtOnce, ran: Awaited<ReturnType<typeof runAtOnce>>) => boolean,
) {
  t.test(title, async t => {
    const property = fc.asyncProperty(anyChain, async chain => check(chain, await runAtOnce(chain)))
    await fc.assert(property, { numRuns: 300 })
    t.pass()
  })
}

/** Whether each beginning of a try that is the first of its task in this pass fits what was so before it. */
const eachStart = (
  chain: ChainAtOnce,
  acts: readonly Act[],
  fits: (task: number, before: { done: Set<number>; underWay: Set<number> }) => boolean,
) =>
  acts.every((act, at) => {
    if (act.did !== 'begin') return true
    const before = progress(acts.slice(0, at), chain)
    return before.underWay.has(act.task) || fits(act.task, before)
  })

holds('never are more tasks under way than there are places, waits included', (chain, { acts }) =>
  eachStart(chain, acts, (_, { underWay }) => underWay.size < chain.parallel),
)

holds('an exclusive task runs alone', (chain, { acts }) =>
  eachStart(
    chain,
    acts,
    (task, { underWay }) =>
      underWay.size === 0 || [task, ...underWay].every(one => !chain.scripts[one]!.exclusive),
  ),
)

holds(
  'a task begins when its dependencies are done, and all tasks before it unless it is free',
  (chain, { acts }) =>
    eachStart(chain, acts, (task, { done }) => {
      const { order, dependencies } = chain.scripts[task]!
      const earlier = order === 'free' ? dependencies : [...Array(task).keys()]
      return [...dependencies, ...earlier].every(one => done.has(one))
    }),
)

holds('a chain that succeeds has done all tasks', (chain, { end, acts }) => {
  const { done } = progress(acts, chain)
  return (end.reason === 'succeeded') === (done.size === chain.scripts.length) || chain.stopAt !== undefined
})

holds('when a pass has been decided no other try begins in it', (chain, { acts }) =>
  acts.every((act, at) => {
    const before = acts.slice(0, at)
    const since = before.findLastIndex(
      one => one.did === 'tell' && one.event.event === 'chain:waiting' && one.event.counts === 'chain',
    )
    const isDecided = before.slice(since + 1).some(one => {
      if (one.did === 'tell') return one.event.event === 'task:given-up' && one.event.required
      if (one.did !== 'end') return false
      const alone = !chain.scripts[one.task]!.required || chain.retry_from === 'failed'
      return (
        ['HALT', 'EXIT', 'REBOOT', 'INTERRUPTED'].includes(one.outcome) || (one.outcome === 'RETRY' && !alone)
      )
    })
    return act.did !== 'begin' || !isDecided
  }),
)

holds(
  'the halt task runs once, last, with nothing beside it, after HALT and giving up only',
  (chain, { end, acts }) => {
    const halts = acts.filter(({ did }) => did === 'halt').length
    const expected = end.reason === 'halted' || end.reason === 'gave-up'
    const begun = acts.filter(({ did }) => did === 'begin').length
    const ended = acts.filter(({ did }) => did === 'end').length
    if (chain.stopAt === undefined && halts !== (expected ? 1 : 0)) return false
    return begun === ended && (halts === 0 || acts.at(-1)?.did === 'halt')
  },
)

holds('the strongest end decides: no HALT is lost, and no task that has given up', (chain, { end, acts }) => {
  if (end.reason === 'interrupted') return chain.stopAt !== undefined
  const halted = acts.some(act => act.did === 'end' && act.outcome === 'HALT')
  const gaveUp = acts.some(
    act => act.did === 'tell' && act.event.event === 'task:given-up' && act.event.required,
  )
  const exited = acts.some(act => act.did === 'end' && act.outcome === 'EXIT')
  const reboot = acts.some(act => act.did === 'end' && act.outcome === 'REBOOT')
  const strongest = halted
    ? 'halted'
    : gaveUp
      ? 'gave-up'
      : exited
        ? 'exited'
        : reboot
          ? 'reboot'
          : 'succeeded'
  return end.reason === strongest
})

t.test('which of several that run at once ends first does not change how the run ends', async t => {
  const property = fc.asyncProperty(scripts, picks, picks, async (drawn, one, other) => {
    const free = drawn.map(script => ({
      ...script,
      order: 'free' as const,
      required: true,
      exclusive: false,
      dependencies: [],
    }))
    const chain = { scripts: free, parallel: 7, retry_from: 'beginning' as const }
    const ends = await Promise.all([one, other].map(picks => runAtOnce({ ...chain, picks })))
    return isDeepStrictEqual(ends[0]!.end, ends[1]!.end)
  })
  await fc.assert(property, { numRuns: 300 })
  t.pass()
})

t.test('a failure of an interrupted run counts before anything else begins', async t => {
  const script = {
    outcomes: ['OK' as const],
    max_tries: 3,
    required: true,
    exclusive: false,
    dependencies: [],
  }
  const chain: ChainAtOnce = {
    scripts: Array.from({ length: 3 }, () => ({ ...script, order: 'free' as const })),
    parallel: 3,
    retry_from: 'beginning',
    picks: [0],
  }
  const failed = {
    task: '2',
    name: '2',
    kind: 'task' as const,
    try_num: 1,
    outcome: 'RETRY' as const,
    killed: [],
    survivors: [],
    started_at: '1970-01-01T00:00:00.000Z',
    duration_seconds: 0,
    log: { bytes: 0, lines: 0, left_out: 0 },
    last_lines: [],
  }
  const { end, acts } = await runAtOnce({
    ...chain,
    resume: { run_id: 1, done: ['0'], chain_try: 1, failed },
  })
  t.equal(end.reason, 'succeeded')
  t.match(acts, [
    {
      did: 'tell',
      event: { event: 'chain:waiting', task: '2', next_task: '0', try_num: 2, counts: 'chain' },
    },
    { did: 'wait' },
    { did: 'waited' },
    { did: 'begin', task: 0, tryNum: 2 },
  ])
})
