/*
 * What an attached runner does when what it needs is away for longer than it should be, or has forgotten: the server,
 * the network, the time to end.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { keysOf } from '../../src/server/keys.ts'
import { type AttachRig, attachTest, held } from '../support/attached.ts'
import { Cut } from '../support/cut.ts'
import { Engine } from '../support/engine.ts'
import { executorNeeds } from '../support/executors.ts'
import { makeImage, pluginImage, withBusybox } from '../support/images.ts'
import { testWith } from '../support/require.ts'

t.setTimeout(300_000)

const until = 'until ls /.runner/jobs/*/go >/dev/null 2>&1; do sleep 0.05; done'

testWith(t, 'outages', executorNeeds, async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', { fill: withBusybox, changes: ['CMD ["true"]'] })
  await pluginImage(engine, 'plugin')
  const test = (
    title: string,
    body: (t: Test, world: AttachRig) => Promise<unknown>,
    server: Record<string, string | number> = {},
  ) => attachTest(t, title, engine, { server }, body)

  /** Makes a copy of the whole store, as an administrator does. */
  async function backUp({ rig }: AttachRig, name: string): Promise<void> {
    if ((await rig.start(['server', 'backup', rig.path(name)]).ended) !== 0) throw new Error(rig.transcript)
  }

  /** Puts a copy in the place of the store, and starts the server again. */
  async function restore(
    { rig, server }: AttachRig,
    name: string,
    keys: Record<string, string | number> = {},
  ): Promise<void> {
    await server.stop()
    renameSync(rig.path('state', 'server'), rig.path(`before-${name}`))
    listenAgain({ rig, server } as AttachRig, keys)
    if ((await rig.start(['server', 'restore', rig.path(name)]).ended) !== 0) throw new Error(rig.transcript)
    await server.restart('-v')
  }

  /** Has the next start of the server listen where it did. */
  function listenAgain({ rig, server }: AttachRig, keys: Record<string, string | number> = {}): void {
    const lines = Object.entries({ listen: new URL(server.url).host, lease_seconds: 6, ...keys })
    rig.configure({}, `[server]\n${lines.map(([key, value]) => `${key} = ${value}\n`).join('')}`)
  }

  await test('a result that a restored server does not know is kept until it does', async (t, world) => {
    const runner = await world.attach('one')
    await backUp(world, 'older')
    const { id } = await world.submit({ command: held })
    await world.began(id)
    await backUp(world, 'newer')
    await restore(world, 'older')
    await runner.event('notice', ({ message }) => message.includes(`does not know execution ${id}`))
    world.release(id)
    await runner.event('job:ended')
    await world.server.run.says('"call":"result","reason":"not-found"')
    t.same(runner.all('job:dropped'), [])
    await restore(world, 'newer')
    t.match(await world.ended(id), { state: 'succeeded', attempt: 1, output: 'began\nwent on\n' })
    t.equal(await runner.stop(), 0)
  })

  await test('a result that a restored server does not know is let go of when it is too late', async (t, world) => {
    const runner = await world.attach('one')
    await backUp(world, 'older')
    const { id } = await world.submit({ command: ['sh', '-c', until] })
    await world.state(id, 'running')
    await runner.event('job:started')
    await restore(world, 'older', { late_result_seconds: 0.1 })
    await runner.event('notice', ({ message }) => message.includes(`does not know execution ${id}`))
    world.release(id)
    await world.server.run.says('"call":"result","reason":"not-found"')
    t.same(readdirSync(join(world.stateDir('one'), 'spool')), [id])
    await world.server.stop()
    await world.server.restart()
    t.match(await runner.event('job:dropped'), { execution_id: id, message: /the server does not know it/ })
    t.equal(await runner.stop(), 0)
  })

  await test('a server that has another data key gets the result under that, and jobs go on', async (t, world) => {
    const runner = await world.attach('one')
    const properties = [
      { name: 'name', value: 'World' },
      { name: 'password', value: 'correct horse', password: true },
    ]
    const input = { task: { type: 'test.greet', properties } }
    const { id } = await world.submit({
      image: 'plugin',
      command: ['sh', '-c', `echo began; ${until}; exec node plugin.mjs`],
      input,
    })
    await world.began(id)
    await world.server.stop()
    loseDataKey(world)
    listenAgain(world)
    await world.server.restart('-v')
    world.release(id)
    await world.server.run.says('"reason":"unknown-key"')
    t.match(await world.ended(id), { state: 'succeeded', output_properties: { greeting: 'Hello World' } })
    t.match(await world.ended((await world.submit({ image: 'plugin', input })).id), { state: 'succeeded' })
    t.equal(runner.all('runner:registered').length, 2)
    t.equal(await runner.stop(), 0)
  })

  await test(
    'a network that is silent for longer than a lease costs nothing',
    async (t, world) => {
      await using cut = await Cut.to(Number(new URL(world.server.url).port))
      const runner = await world.attach('one', { url: cut.url })
      const counts = (end: string) =>
        `echo began; i=0; ${end}; do echo $i; i=$((i+1)); sleep 0.01; done; exit 3`
      const command = ['sh', '-c', counts('until ls /.runner/jobs/*/go >/dev/null 2>&1')]
      const [during, after, wordless] = [
        await world.submit({ command }),
        await world.submit({ command }),
        await world.submit({ command: held }),
      ]
      const all = [during, after, wordless].map(({ id }) => id)
      for (const id of all) await world.began(id)
      cut.silence()
      for (const id of all) await world.state(id, 'lost')
      world.release(during.id)
      await runner.event('job:ended', ({ execution_id }) => execution_id === during.id)
      cut.open()
      for (const id of all.slice(1)) await world.state(id, 'running')
      for (const id of all.slice(1)) world.release(id)
      t.match(await world.ended(wordless.id), {
        state: 'succeeded',
        attempt: 1,
        output: 'began\nwent on\n',
      })
      for (const { id } of [during, after]) {
        const { state, exit_code, attempt, log } = await world.ended(id)
        t.same([state, exit_code, attempt], ['failed', 3, 1])
        const text = await world.log(id)
        const lines = Array.from({ length: text.split('\n').length - 2 }, (_, line) => `${line}\n`)
        t.equal(text, `began\n${lines.join('')}`, 'no line is missing')
        t.equal(log.sha256, createHash('sha256').update(text).digest('hex'))
      }
      const { items } = (await world.server.call('GET', '/v1/executions')).json
      t.equal(items.length, 3, 'there were no other attempts')
      t.equal(await runner.stop(), 0)
    },
    { lease_seconds: 2, ping_interval_seconds: 0.5, reserve_wait_seconds: 5 },
  )

  await test('with another work_dir jobs in the former one run on, and leave nothing in it', async (t, world) => {
    const runner = await world.attach('one')
    const { id } = await world.submit({ command: held })
    await world.began(id)
    t.equal(await runner.stop('SIGKILL'), 'SIGKILL')
    const former = world.workDir('one')
    world.configure('one', { work_dir: world.workDir('two') })
    renameSync(former, `${former}.away`)
    const next = world.start('one')
    await next.event('engine:failed', ({ message }) => message.includes(`${former}, which is not there`))
    renameSync(`${former}.away`, former)
    await next.ready()
    t.match(await world.ended((await world.submit({})).id), { state: 'succeeded' })
    world.release(id)
    t.match(await world.ended(id), { state: 'succeeded', attempt: 1, output: 'began\nwent on\n' })
    t.equal(await next.stop(), 0)
    t.same(readdirSync(former), [])
    t.same(readdirSync(world.workDir('two')), [])
  })

  await test('after drain_time what still runs is aborted, with its grace, and the result told', async (t, world) => {
    const runner = await world.attach('one', { drain_time: 1 })
    const obedient = "trap 'echo bye; exit 4' TERM; echo began; while :; do sleep 0.05; done"
    const deaf = "trap '' TERM; echo began; while :; do sleep 0.05; done"
    const [one, two] = [
      await world.submit({ command: ['sh', '-c', obedient], abort_timeout_seconds: 10 }),
      await world.submit({ command: ['sh', '-c', deaf], abort_timeout_seconds: 1 }),
    ]
    await world.began(one.id)
    await world.began(two.id)
    runner.run.child.kill('SIGTERM')
    t.match(await runner.event('runner:draining'), { executions: 2, seconds: 1 })
    t.equal(await runner.run.ended, 0)
    const [first, second] = [await world.server.execution(one.id), await world.server.execution(two.id)]
    t.match(first, { state: 'aborted', exit_code: 4, output: 'began\nbye\n', log: { complete: true } })
    t.match(second, { state: 'aborted', output: 'began\n', log: { complete: true } })
    t.match((await world.server.call('GET', '/v1/runners')).json.items[0], { state: 'left' })
  })

  /** Gives the runner's row another data key, sealed under the server's own. */
  function loseDataKey({ rig }: AttachRig): void {
    const key = readFileSync(rig.path('state', 'server', 'key'))
    const sealed = keysOf(key).sealAtRest(randomBytes(32).toString('base64'))
    const store = new DatabaseSync(rig.path('state', 'server', 'server.db'))
    store.prepare("update runners set body = json_set(body, '$.data_key', ?)").run(sealed)
    store.close()
  }
})
