import fc from 'fast-check'
import t from 'tap'
import type { NotifyEvent } from '../../../src/protocol/messages/jobs.ts'
import { notTaken } from '../../../src/server/notify/message.ts'
import { afterTry } from '../../../src/server/notify/outbox.ts'
import { emptyNotice, type NoticeRow } from '../../../src/store/schedule-rows.ts'
import { knowing, OutboxRig, refused, taken, telling } from '../../support/outbox-rig.ts'
import { testId } from '../../support/rows.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'
import { runs } from '../../support/tier.ts'

const day = 86_400_000
const failing = { outcome: 'failed' as const, exit_code: 1, reason: 'exit-status' }

/** Runs that have failed, one after the other. */
async function fail(rig: ServerRig, count: number, to = 'ops'): Promise<string[]> {
  const runner = await rig.addRunner()
  const ids: string[] = []
  for (let number = 0; number < count; number++) {
    const held = await rig.start(runner, { notify: telling(to, 'failure') })
    ids.push(held.execution_id)
    await rig.result(runner, held, failing)
  }
  return ids
}

t.test('a notification is tried ever more rarely, for a day, and fails then', async t => {
  let row: NoticeRow = {
    ...emptyNotice,
    id: testId(1),
    target: 'ops',
    event: 'failure',
    body: '{}',
    state: 'waiting',
    created_at: 0,
    give_up_at: day,
    next_at: 0,
  }
  const times: number[] = []
  while (row.next_at !== null) {
    times.push(row.next_at / 1000)
    row = afterTry(row, refused, { now: row.next_at, watched: row.next_at })
  }
  t.match(row, { state: 'failed', tries: times.length, problem: 'it says no', sent_at: null })
  t.same(times.slice(0, 11), [0, 10, 30, 70, 150, 310, 630, 1270, 2550, 5110, 8710])
  t.equal(times.at(-1), day / 1000, 'the last try is at the end of the day')
  // A target may ask for more time, up to an hour.
  const waiting = { ...row, state: 'waiting' as const, tries: 0, next_at: 0 }
  t.equal(afterTry(waiting, notTaken('busy', 90), { now: 0, watched: 0 }).next_at, 90_000)
  t.equal(afterTry(waiting, notTaken('busy', 90_000), { now: 0, watched: 0 }).next_at, 3_600_000)
})

onEachStore(
  t,
  'a notification that is not taken is tried again under its id',
  async (t, rig) => {
    const outbox = new OutboxRig(rig, ['ops'])
    const [id] = await fail(rig, 1)
    outbox.answer = async () => refused
    await outbox.work()
    t.match(await outbox.notices(), [{ state: 'waiting', tries: 1, problem: 'it says no', execution_id: id }])
    await outbox.work()
    t.equal(outbox.sent.length, 1, 'not at once')
    await rig.wait(10)
    outbox.answer = async () => taken
    await outbox.work()
    t.match(await outbox.notices(), [
      { state: 'sent', tries: 2, next_at: null, sent_at: rig.now(), problem: null },
    ])
    t.equal(new Set(outbox.sent.map(({ message }) => message.id)).size, 1)
    t.same(outbox.logged, [
      'warning: a notification was not taken; it is tried again for a day',
      'info: notifications are taken again',
    ])
  },
  knowing('ops'),
)

onEachStore(
  t,
  'more than twenty in a minute go as one message, whose id stays the same',
  async (t, rig) => {
    const outbox = new OutboxRig(rig, ['ops'])
    const ids = await fail(rig, 25)
    outbox.answer = async () => refused
    await outbox.work()
    t.equal(outbox.sent.length, 1)
    const [first] = outbox.sent
    t.match(first!.message.text, /^25 notifications: 25 failure\n- Execution /)
    const listed = first!.message.body.notifications as { id: string; execution: string }[]
    t.same(listed.map(({ execution }) => execution).toSorted(), ids.toSorted())
    // One more comes, and the process ends in the middle: the list stays what it was.
    await fail(rig, 1)
    outbox.answer = async () => undefined
    outbox.restart()
    await rig.wait(10)
    await outbox.work()
    outbox.restart()
    outbox.answer = async () => taken
    await rig.wait(60)
    await outbox.work()
    const lists = outbox.sent.filter(({ message }) => message.body.event === 'list')
    t.ok(lists.length >= 2)
    for (const { message } of lists) t.same(message, first!.message)
    const notices = await outbox.notices()
    t.ok(notices.every(({ state }) => state === 'sent'))
    t.equal(notices.filter(({ batch }) => batch === first!.message.id).length, 25)
  },
  knowing('ops'),
)

onEachStore(
  t,
  'a target that hangs holds up no other, and one that is not there any more fails',
  async (t, rig) => {
    const outbox = new OutboxRig(rig, ['slow', 'ops'])
    await fail(rig, 1, 'slow')
    await fail(rig, 1, 'gone')
    const [id] = await fail(rig, 1)
    const hangs = Promise.withResolvers<void>()
    const arrived = Promise.withResolvers<void>()
    outbox.answer = async ({ target }) => {
      if (target === 'slow') await hangs.promise
      else arrived.resolve()
      return taken
    }
    const working = outbox.work()
    await arrived.promise
    hangs.resolve()
    await working
    const of = (target: string, all: Awaited<ReturnType<OutboxRig['notices']>>) =>
      all.filter(row => row.target === target)
    const all = await outbox.notices()
    t.match(of('ops', all), [{ state: 'sent', execution_id: id, tries: 1 }])
    t.match(of('slow', all), [{ state: 'sent' }])
    t.match(of('gone', all), [{ state: 'failed', tries: 0, problem: /no section \[notify.gone\]/ }])
    t.equal(outbox.sent.length, 2)
  },
  knowing('slow', 'ops', 'gone'),
)

onEachStore(
  t,
  'notifications that do not wait are removed after retention',
  async (t, rig) => {
    const outbox = new OutboxRig(rig, ['ops'])
    await fail(rig, 2)
    await outbox.work()
    await fail(rig, 1)
    t.equal(await rig.write(tx => tx.removeNotices(rig.now(), 10)), 0, 'they are not older')
    t.equal(await rig.write(tx => tx.removeNotices(rig.now() + 1, 1)), 1)
    t.equal(await rig.write(tx => tx.removeNotices(rig.now() + 1, 10)), 1)
    t.match(await outbox.notices(), [{ state: 'waiting' }])
  },
  knowing('ops'),
)

/** A step of a history: an event of a run, a failure of its writer, or a behaviour of the targets. */
type Step =
  | { run: 'succeeded' | 'failed' | 'aborted'; job: string; undone: boolean }
  | { work: ('taken' | 'refused' | 'killed')[] }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    run: fc.constantFrom('succeeded' as const, 'failed' as const, 'aborted' as const),
    job: fc.constantFrom('one', 'two'),
    undone: fc.boolean(),
  }),
  fc.record({ work: fc.array(fc.constantFrom('taken' as const, 'refused' as const, 'killed' as const)) }),
)

onEachStore(
  t,
  'whatever is killed or refused, each change is told at least once, and nothing that was undone',
  async (t, rig) => {
    const histories = rig.store.engine === 'sqlite' ? runs(20) : Math.ceil(runs(20) / 4)
    let expected = 0
    const told = new Map<string, NotifyEvent[]>()
    const outbox = new OutboxRig(rig, ['ops', 'team'])
    const runner = await rig.addRunner()
    const play = async (history: Step[]) => {
      for (const step of history) {
        if ('work' in step) {
          const answers = [...step.work]
          outbox.answer = async () => {
            const answer = answers.shift() ?? 'taken'
            if (answer === 'killed') outbox.restart()
            return answer === 'killed' ? undefined : answer === 'taken' ? taken : refused
          }
          await rig.wait(30)
          await outbox.work()
          continue
        }
        // Notices are in the order of their milliseconds, and no job ends twice in one.
        rig.pass(0.001)
        await rig.heartbeat(runner, [], { free_slots: 1, polling: true })
        const notify = [
          ...telling('ops', 'failure', 'success', 'recovery'),
          ...telling('team', 'aborted', 'failure'),
        ]
        const held = await rig.start(runner, { job_name: step.job, notify })
        const result = { outcome: step.run, exit_code: null, reason: step.run }
        if (step.undone) {
          const undone = rig.write(async tx => {
            const row = (await tx.execution(held.execution_id))!
            const { put } = await import('../../../src/server/state/attempts.ts')
            await put(tx, rig.ctx, { ...row, state: 'failed', finished_at: tx.now, deadline: null })
            throw new Error('undone')
          })
          await undone.catch(() => {})
        }
        await rig.result(runner, held, result)
        const before = told.get(step.job) ?? []
        const last = before.filter(event => event !== 'aborted').at(-1)
        const event =
          step.run === 'failed'
            ? 'failure'
            : step.run === 'aborted'
              ? 'aborted'
              : last === 'failure'
                ? 'recovery'
                : 'success'
        told.set(step.job, [...before, event])
        expected += event === 'failure' ? 2 : 1
      }
      outbox.restart()
      outbox.answer = async () => taken
      for (let rounds = 0; rounds < 40; rounds++) {
        await rig.wait(120)
        await outbox.work()
        if ((await outbox.notices()).every(({ state }) => state === 'sent')) break
      }
      const notices = await outbox.notices()
      if (notices.length !== expected) throw new Error(`${notices.length} notices, and ${expected} changes`)
      const arrived = new Set(
        outbox.sent.flatMap(({ message }) =>
          message.body.event === 'list'
            ? (message.body.notifications as { id: string }[]).map(({ id }) => id)
            : message.id,
        ),
      )
      if (notices.some(({ id, state }) => state !== 'sent' || !arrived.has(id)))
        throw new Error('one is lost')
      if (arrived.size !== notices.length) throw new Error('one has come from nowhere')
      for (const [job, events] of told) {
        const written = notices
          .filter(({ job_name, target }) => job_name === job && target === 'ops')
          .toReversed()
        const wanted = events.filter(event => event !== 'aborted')
        if (written.map(({ event }) => event).join() !== wanted.join())
          throw new Error(`${written.map(({ event }) => event)} instead of ${wanted}`)
      }
    }
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 12 }), play), {
      numRuns: histories,
      endOnFailure: true,
    })
    t.ok(expected > 0)
  },
  knowing('ops', 'team'),
)
