import t from 'tap'
import { getJob } from '../../../src/server/operator-side/get-job.ts'
import { putJob } from '../../../src/server/operator-side/put-job.ts'
import { rerun } from '../../../src/server/operator-side/rerun.ts'
import { restore } from '../../../src/server/operator-side/restore.ts'
import { runJob } from '../../../src/server/operator-side/run-job.ts'
import { submitScript } from '../../../src/server/operator-side/script.ts'
import { submit } from '../../../src/server/operator-side/submit.ts'
import { askedBy, everything, named, scriptBy } from '../../support/server-caller.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

t.setTimeout(360_000)

const by = (token_id: string) => askedBy({ token_id })
const value = <T>(result: { ok: true; value: T } | { ok: false; failure: unknown }): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failure))
  return result.value
}
const runs = (rig: ServerRig, name: string, token: string) =>
  rig.write(async tx => value(await runJob(tx, rig.ctx, name, by(token))).id)
const submits = (rig: ServerRig, token: string, more = {}) =>
  rig.write(async tx => value(await submit(tx, rig.ctx, { image: 'x', ...more }, by(token))).id)
const defines = (rig: ServerRig, name: string, token: string, more = {}) =>
  rig.write(tx => putJob(tx, rig.ctx, named(name), { image: 'x', ...more }, token))

onEachStore(t, 'a reservation has the trust domain of who is answerable for what runs', async (t, rig) => {
  const runner = await rig.addRunner({ set: { capacity: 100 } })
  await defines(rig, 'of-a', 'token-a')
  const ids = {
    a: await submits(rig, 'token-a'),
    b: await submits(rig, 'token-b'),
    named: await submits(rig, 'token-b', { job_name: 'of-a' }),
    byB: await runs(rig, 'of-a', 'token-b'),
  }
  const reservations = new Map(
    (await rig.reserve(runner, 100)).map(one => [one.execution_id, one.domain] as const),
  )
  const domains = Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, reservations.get(id)]))
  t.match(domains.a, /^[0-9a-f]{32}$/)
  t.not(domains.a, domains.b)
  t.equal(domains.named, domains.b, 'a definition that is sent is of who sends it, whatever it is called')
  t.equal(domains.byB, domains.a, 'a named job is of who has defined it')
  t.notMatch(JSON.stringify([...reservations]), /token-/)
  const view = [value(await rig.store.read(tx => getJob(tx, rig.ctx, named('of-a'))))]
  t.notMatch(JSON.stringify(view), /owner|token-/, 'operators do not see it')

  await defines(rig, 'of-a', 'token-b')
  const id = await runs(rig, 'of-a', 'token-a')
  const domainOf = async (id: string) =>
    (await rig.reserve(runner, 100)).find(one => one.execution_id === id)?.domain
  t.equal(await domainOf(id), domains.b, 'who defines it anew takes it over')
  const restored = await rig.write(tx => restore(tx, rig.ctx, everything, view, 'token-a'))
  t.ok(restored.ok)
  t.equal(await domainOf(await runs(rig, 'of-a', 'token-b')), domains.a, 'and so does who restores it')
})

onEachStore(t, 'what one token runs in two namespaces has two trust domains', async (t, rig) => {
  const runner = await rig.addRunner({ set: { capacity: 100 } })
  for (const namespace of ['default', 'team-a', 'team-a', 'team-b'])
    await rig.write(tx => submit(tx, rig.ctx, { image: 'x' }, askedBy({ namespace })))
  const domains = (await rig.reserve(runner, 100)).map(({ domain }) => domain)
  t.match(domains, Array(4).fill(/^[0-9a-f]{32}$/))
  t.equal(new Set(domains).size, 3)
  t.equal(domains[1], domains[2])
})

onEachStore(t, 'the domain stays through retries and reruns, of scripts too', async (t, rig) => {
  const runner = await rig.addRunner({
    set: { capacity: 100 },
    said: { capabilities: ['remote-script'], runner_group: 'default', taints: [], metadata: {} },
  })
  const id = await submits(rig, 'token-a', { retries: 1, retry: { delay_seconds: 0 } })
  const [first] = await rig.reserve(runner)
  await rig.confirm(runner, first!)
  await rig.result(runner, first!, { outcome: 'failed', exit_code: 1 })
  const [second] = await rig.reserve(runner)
  t.match(second, { group: id, attempt: 2, domain: first!.domain })
  t.ok(first!.domain)
  await rig.write(async tx => value(await rerun(tx, rig.ctx, everything, id, by('token-b'))))
  t.ok((await rig.reserve(runner)).every(({ domain }) => domain === first!.domain))

  const script = { image: 'x', command: ['true'], runner_id: runner.id }
  const made = await rig.write(async tx =>
    value(await submitScript(tx, rig.ctx, script, scriptBy('token-a'))),
  )
  t.match(await rig.execution(made.id), { kind: 'script', owner: 'token-a' })
})

onEachStore(t, 'rows of an older release have no domain, and none is made up', async (t, rig) => {
  const runner = await rig.addRunner({ set: { capacity: 100 } })
  await rig.write(async tx => {
    // As it was stored before there were owners.
    tx.putJob({ ...named('old'), body: { image: 'x', kind: 'command' }, sealed: '', owner: null })
  })
  const id = await runs(rig, 'old', 'token-a')
  const row = (await rig.execution(id))!
  t.equal(row.owner, null)
  const [reservation] = await rig.reserve(runner)
  t.match(reservation, { execution_id: id })
  t.notOk('domain' in reservation!)
  t.notOk('reuse' in reservation!)
  await rig.confirm(runner, reservation!)
  await rig.result(runner, reservation!)
  await rig.write(async tx => value(await rerun(tx, rig.ctx, everything, id, by('token-a'))))
  t.notOk('domain' in (await rig.reserve(runner))[0]!)
})

onEachStore(t, 'what a job says of its container goes with it', async (t, rig) => {
  const runner = await rig.addRunner({ set: { capacity: 100 } })
  await submits(rig, 'token-a', { reuse: 'never' })
  t.match(await rig.reserve(runner), [{ reuse: 'never' }])
})
