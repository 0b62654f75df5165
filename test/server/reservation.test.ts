import t from 'tap'
import { getJob, putJob, restore } from '../../src/server/jobs.ts'
import { submitScript } from '../../src/server/scripts.ts'
import { rerun, runJob, submit } from '../../src/server/submit.ts'
import { onEachWorld, type World } from '../support/server-world.ts'

t.setTimeout(120_000)

const by = (token_id: string) => ({ token_id, body_sha256: '' })
const value = <T>(result: { ok: true; value: T } | { ok: false; failure: unknown }): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failure))
  return result.value
}
const runs = (world: World, name: string, token: string) =>
  world.write(async tx => value(await runJob(tx, world.ctx, name, by(token))).id)
const submits = (world: World, token: string, more = {}) =>
  world.write(async tx => value(await submit(tx, world.ctx, { image: 'x', ...more }, by(token))).id)
const defines = (world: World, name: string, token: string, more = {}) =>
  world.write(tx => putJob(tx, world.ctx, name, { image: 'x', ...more }, token))

onEachWorld(t, 'a reservation has the trust domain of who is answerable for what runs', async (t, world) => {
  const runner = await world.addRunner({ set: { capacity: 100 } })
  await defines(world, 'of-a', 'token-a')
  const ids = {
    a: await submits(world, 'token-a'),
    b: await submits(world, 'token-b'),
    named: await submits(world, 'token-b', { job_name: 'of-a' }),
    byB: await runs(world, 'of-a', 'token-b'),
  }
  const reservations = new Map(
    (await world.reserve(runner, 100)).map(one => [one.execution_id, one.domain] as const),
  )
  const domains = Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, reservations.get(id)]))
  t.match(domains.a, /^[0-9a-f]{32}$/)
  t.not(domains.a, domains.b)
  t.equal(domains.named, domains.b, 'a definition that is sent is of who sends it, whatever it is called')
  t.equal(domains.byB, domains.a, 'a named job is of who has defined it')
  t.notMatch(JSON.stringify([...reservations]), /token-/)
  const view = [value(await world.store.read(tx => getJob(tx, world.ctx, 'of-a')))]
  t.notMatch(JSON.stringify(view), /owner|token-/, 'operators do not see it')

  await defines(world, 'of-a', 'token-b')
  const id = await runs(world, 'of-a', 'token-a')
  const domainOf = async (id: string) =>
    (await world.reserve(runner, 100)).find(one => one.execution_id === id)?.domain
  t.equal(await domainOf(id), domains.b, 'who defines it anew takes it over')
  const restored = await world.write(tx => restore(tx, world.ctx, view, 'token-a'))
  t.ok(restored.ok)
  t.equal(await domainOf(await runs(world, 'of-a', 'token-b')), domains.a, 'and so does who restores it')
})

onEachWorld(t, 'the domain stays through retries and reruns, of scripts too', async (t, world) => {
  const runner = await world.addRunner({
    set: { capacity: 100 },
    said: { capabilities: ['remote-script'], runner_group: 'default', taints: [], metadata: {} },
  })
  const id = await submits(world, 'token-a', { retries: 1 })
  const [first] = await world.reserve(runner)
  await world.confirm(runner, first!)
  await world.result(runner, first!, { outcome: 'failed', exit_code: 1 })
  const [second] = await world.reserve(runner)
  t.match(second, { group: id, attempt: 2, domain: first!.domain })
  t.ok(first!.domain)
  await world.write(async tx => value(await rerun(tx, world.ctx, id, by('token-b'))))
  t.ok((await world.reserve(runner)).every(({ domain }) => domain === first!.domain))

  const script = { image: 'x', command: ['true'], runner_id: runner.id }
  const made = await world.write(async tx => value(await submitScript(tx, world.ctx, script, 'token-a')))
  t.match(await world.execution(made.id), { kind: 'script', owner: 'token-a' })
})

onEachWorld(t, 'rows of an older release have no domain, and none is made up', async (t, world) => {
  const runner = await world.addRunner({ set: { capacity: 100 } })
  await world.write(async tx => {
    // As it was stored before there were owners.
    tx.putJob({ name: 'old', body: { image: 'x', kind: 'command' }, sealed: '' })
  })
  const id = await runs(world, 'old', 'token-a')
  const row = (await world.execution(id))!
  t.notOk('owner' in row)
  const [reservation] = await world.reserve(runner)
  t.match(reservation, { execution_id: id })
  t.notOk('domain' in reservation!)
  t.notOk('reuse' in reservation!)
  await world.confirm(runner, reservation!)
  await world.result(runner, reservation!)
  await world.write(async tx => value(await rerun(tx, world.ctx, id, by('token-a'))))
  t.notOk('domain' in (await world.reserve(runner))[0]!)
})

onEachWorld(t, 'what a job says of its container goes with it', async (t, world) => {
  const runner = await world.addRunner({ set: { capacity: 100 } })
  await submits(world, 'token-a', { reuse: 'never' })
  t.match(await world.reserve(runner), [{ reuse: 'never' }])
})
