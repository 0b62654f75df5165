import t from 'tap'
import type { NamespaceRules } from '../../../src/protocol/messages/settings.ts'
import { seal } from '../../../src/protocol/seal.ts'
import { putJob } from '../../../src/server/operator-side/put-job.ts'
import { rerun } from '../../../src/server/operator-side/rerun.ts'
import { runJob } from '../../../src/server/operator-side/run-job.ts'
import { submit } from '../../../src/server/operator-side/submit.ts'
import { putSettings } from '../../../src/server/state/settings.ts'
import { executionView } from '../../../src/server/views/execution-view.ts'
import { askedBy, everything } from '../../support/server-caller.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const set = (rig: ServerRig, namespaces: Record<string, NamespaceRules>) =>
  rig.write(async tx => putSettings(tx, { namespaces }, rig.ctx))
const send = (rig: ServerRig, by = askedBy(), image = 'x') =>
  rig.write(tx => submit(tx, rig.ctx, { image }, by))
const usedUp = { failure: { reason: 'quota-used-up' } }

onEachStore(t, 'a namespace has no more executions queued than it may', async (t, rig) => {
  await set(rig, { default: { queued: 2 } })
  const runner = await rig.addRunner()
  t.ok((await send(rig)).ok)
  t.ok((await send(rig)).ok)
  t.match(await send(rig), {
    failure: { reason: 'quota-used-up', retry_after: 10, detail: /has 2 executions queued/ },
  })
  t.ok((await send(rig, askedBy({ namespace: 'other' }))).ok, 'another namespace has its own')
  await rig.reserve(runner)
  t.ok((await send(rig)).ok, 'what is reserved is queued no more')
})

onEachStore(t, 'a namespace and a token ask for no more in a minute than they may', async (t, rig) => {
  await set(rig, { '*': { submits_per_minute: 3, token_submits_per_minute: 2 } })
  const [a, b] = [askedBy({ token_id: 'a' }), askedBy({ token_id: 'b' })]
  t.ok((await send(rig, a)).ok)
  t.ok((await send(rig, a)).ok)
  t.match(await send(rig, a), { failure: { reason: 'quota-used-up', detail: /this token/ } })
  t.ok((await send(rig, b)).ok)
  t.match(await send(rig, b), { failure: { detail: /namespace default has asked for 3/, retry_after: 60 } })
  t.ok((await send(rig, { ...b, namespace: 'other' })).ok)
  // A repeated request with the same key makes no new execution.
  const keyed = askedBy({ token_id: 'c', namespace: 'third', idempotency_key: 'k' })
  for (let n = 0; n < 5; n++) t.ok((await send(rig, keyed)).ok)
  await rig.wait(45)
  const refused = await send(rig, b)
  t.match(refused, usedUp)
  t.ok(!refused.ok && refused.failure.retry_after! <= 15)
  await rig.wait(15)
  t.ok((await send(rig, b)).ok)
})

onEachStore(t, 'only images that a namespace takes are defined, run, and run again', async (t, rig) => {
  const define = (image: string) =>
    rig.write(tx => putJob(tx, rig.ctx, { namespace: 'team', name: 'j' }, { image }))
  const by = askedBy({ namespace: 'team' })
  t.ok((await define('evil/x')).ok)
  const made = await send(rig, by, 'evil/x')
  t.ok(made.ok)
  await set(rig, { '*': { images: ['good/*'] }, team: { digests_only: true } })
  const refused = { failure: { reason: 'image-not-allowed' } }
  t.match(await define('evil/x'), refused)
  t.match(await send(rig, by, 'evil/x'), refused)
  t.match(await rig.write(tx => runJob(tx, rig.ctx, 'j', by)), refused, 'as it was defined before the rule')
  if (made.ok) {
    await rig.abort(made.value.id)
    t.match(await rig.write(tx => rerun(tx, rig.ctx, everything, made.value.id, by)), refused)
  }
  t.match(await send(rig, by, 'good/x:1'), { failure: { detail: /by their digests only/ } })
  const digest = `@sha256:${'a'.repeat(64)}`
  t.match(await send(rig, by, `evil/x${digest}`), { failure: { detail: /it takes good\/\*/ } })
  t.ok((await send(rig, by, `good/x${digest}`)).ok)
  t.ok((await define(`good/x${digest}`)).ok)
})

onEachStore(t, 'logs beyond what an hour allows are taken in the next', async (t, rig) => {
  await set(rig, { default: { log_bytes_per_hour: 10 } })
  const runner = await rig.addRunner()
  const id = await rig.submit()
  const [lease] = await rig.reserve(runner)
  await rig.confirm(runner, lease!)
  t.match(await rig.log(runner, lease!, 0, 'x'.repeat(9)), { ok: true })
  t.match(await rig.log(runner, lease!, 9, 'y'.repeat(9)), { ok: true }, 'the last one may be longer')
  const refused = await rig.log(runner, lease!, 18, 'z')
  t.match(refused, usedUp)
  t.ok(!refused.ok && refused.failure.retry_after! <= 3600)
  t.match(await rig.read(tx => tx.log(id)), { length: 18 })
  rig.ctx.memory.quotas.clear()
  t.match(await rig.log(runner, lease!, 18, 'z'), { ok: true, value: { length: 19 } })
})

onEachStore(t, 'an outage of the server begins no new hour of a quota', async (t, rig) => {
  await set(rig, { default: { log_bytes_per_hour: 1 } })
  const runner = await rig.addRunner()
  const lease = await rig.start(runner)
  await rig.sweeper.sweep()
  rig.pass(4)
  t.match(await rig.log(runner, lease, 0, 'x'), { ok: true })
  const watched = await rig.read(tx => Promise.resolve(tx.watched))
  rig.pass(60)
  await rig.sweeper.sweep()
  t.ok(
    (await rig.read(tx => Promise.resolve(tx.watched))) < watched,
    'the late sweep sets the watched time back',
  )
  t.match(await rig.log(runner, lease, 1, 'y'), usedUp)
})

onEachStore(
  t,
  'outputs beyond what an hour allows are taken in the next, and none is too large for ever',
  async (t, rig) => {
    await set(rig, { default: { output_bytes_per_hour: 10 } })
    const runner = await rig.addRunner()
    const output = (bytes: number) => seal(JSON.stringify({ x: 'y'.repeat(bytes - 8) }), rig.dataKey)
    const input = { task: { type: 'a.B', properties: [] } }
    const shown = (id: string) =>
      rig.read(async tx => (await executionView(tx, rig.ctx, (await tx.execution(id))!)).waiting_because)
    const [first, second] = [await rig.start(runner, { input }), await rig.start(runner, { input })]
    t.match(await rig.result(runner, first, { output: output(500) }), { ok: true }, 'larger than the quota')
    t.match(
      await rig.result(runner, first, { output: output(500) }),
      { ok: true },
      'the same again is not counted',
    )

    const failed = { outcome: 'failed' as const, exit_code: 1 }
    const refused = await rig.result(runner, second, { output: output(20) })
    t.match(refused, {
      failure: { reason: 'quota-used-up', detail: /has sent 10 bytes of outputs in an hour/ },
    })
    t.ok(!refused.ok && refused.failure.retry_after! <= 3600)
    t.match(await rig.execution(second.execution_id), { state: 'running', result: null })
    t.match(
      await shown(second.execution_id),
      /^it has ended, and its output waits: namespace default has sent/,
    )
    t.match(
      await rig.result(runner, await rig.start(runner), failed),
      { ok: true },
      'a result without an output',
    )

    for (let minutes = 0; minutes < 60; minutes++) {
      await rig.wait(60)
      await rig.heartbeat(runner, [second.execution_id])
    }
    t.match(await rig.result(runner, second, { output: output(20) }), { ok: true })
    t.match(await rig.execution(second.execution_id), { state: 'succeeded', attempt: 1 })
    t.equal(await shown(second.execution_id), null)
  },
)

onEachStore(t, 'settings that cannot be read let nothing pass', async (t, rig) => {
  await rig.write(async tx => tx.setMeta('settings', '{"namespaces": {"default": {"queued": "many"}}}'))
  await t.rejects(send(rig), { message: /the settings of the server cannot be read/ })
})
