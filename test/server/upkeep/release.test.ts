import t from 'tap'
import { releaseDue } from '../../../src/server/upkeep/release.ts'
import { executionView } from '../../../src/server/views/execution-view.ts'
import { onEachStore } from '../../support/server-rig.ts'

onEachStore(t, 'a failed attempt is followed by the next after the delay of its policy', async (t, rig) => {
  const runner = await rig.addRunner()
  const policy = { delay_seconds: 10, backoff: 2, not_on_exit_codes: [3] }
  const first = await rig.start(runner, { retries: 5, retry: policy, max_queue_seconds: 40 })
  const failed = { outcome: 'failed' as const, exit_code: 1 }
  await rig.result(runner, first, failed)
  const next = async () => (await rig.attempts(first.group)).at(-1)!
  const delayed = await next()
  t.match(delayed, { attempt: 2, state: 'queued', waits: 'time', not_before: delayed.queued_at })
  t.equal(delayed.queue_until, delayed.not_before! + 40_000, 'its wait in the queue begins after the delay')
  const due = new Date(rig.now() + 10_000).toISOString()
  t.match(await rig.read(tx => executionView(tx, rig.ctx, delayed)), {
    state: 'queued',
    not_before: due,
    waiting_because: `it waits until ${due} for its next attempt`,
  })
  t.same(await rig.reserve(runner), [], 'it is handed out to nobody')
  await rig.wait(9)
  t.same(await rig.reserve(runner), [])
  rig.pass(1)
  rig.topics.length = 0
  await releaseDue(rig.store)
  t.ok(
    rig.topics.some(({ about }) => about === 'queue'),
    'waiting runners hear of it',
  )
  const [second] = await rig.reserve(runner)
  t.equal(second!.group, first.group)
  await rig.confirm(runner, second!)
  await rig.result(runner, second!, failed)
  const third = await next()
  t.equal(third.not_before! - third.created_at, 20_000)
  await rig.wait(20)
  const [last] = await rig.reserve(runner)
  await rig.confirm(runner, last!)
  await rig.result(runner, last!, { outcome: 'failed', exit_code: 3 })
  t.match(await next(), { attempt: 3, state: 'failed' }, 'this code is not tried again')
})

onEachStore(t, 'after a restart what has waited for its time is released', async (t, rig) => {
  const runner = await rig.addRunner()
  const first = await rig.start(runner, { retries: 1, retry: { delay_seconds: 3 } })
  await rig.result(runner, first, { outcome: 'failed', exit_code: 1 })
  rig.restart()
  await rig.wait(5)
  t.match(await rig.reserve(runner), [{ group: first.group, attempt: 2 }])
})

onEachStore(
  t,
  'a delayed attempt can be aborted, and more are released than one writer takes',
  async (t, rig) => {
    const runner = await rig.addRunner({ set: { capacity: 300 } })
    const retry = { delay_seconds: 2 }
    const starts = []
    for (let count = 0; count < 101; count++) starts.push(rig.submit({ retries: 1, retry }))
    await Promise.all(starts)
    const taken = await rig.reserve(runner, 300)
    await Promise.all(taken.map(one => rig.confirm(runner, one)))
    await Promise.all(taken.map(one => rig.result(runner, one, { outcome: 'failed', exit_code: 1 })))
    const [, aborted] = await rig.attempts(taken[0]!.group)
    t.match(await rig.abort(aborted!.id), { ok: true, value: { state: 'aborted' } })
    await rig.wait(5)
    t.equal((await rig.reserve(runner, 300)).length, 100)
  },
)
