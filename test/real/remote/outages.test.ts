/*
 * An attached runner misses a thing that it needs for longer than it should, or the thing has forgotten the
 * runner: the server, the network, the time to end.
 */
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { keysOf } from '../../../src/store/seal-key.ts'
import { type AttachRig, attachTest, held } from '../../support/attached.ts'
import { Cut } from '../../support/cut.ts'
import { Engine } from '../../support/engine.ts'
import { executorNeeds } from '../../support/executors.ts'
import { makeImage, pluginImage, withBusybox } from '../../support/images.ts'
import { sha256 } from '../../support/messages.ts'
import { testWith } from '../../support/require.ts'

t.setTimeout(1_800_000)

const until = 'until ls /.runner/jobs/*/go >/dev/null 2>&1; do sleep 0.05; done'

testWith(t, 'outages', executorNeeds, async t => {
  await using engine = await Engine.start('--live-restore')
  await makeImage(engine, 'box', { fill: withBusybox, changes: ['CMD ["true"]'] })
  await pluginImage(engine, 'plugin')

  /** Has the next start of the server listen where it did. */
  function listenAgain(
    { rig, server }: Pick<AttachRig, 'rig' | 'server'>,
    keys: Record<string, string | number> = {},
  ): void {
    const lines = Object.entries({ listen: new URL(server.url).host, lease_seconds: 6, ...keys })
    rig.configure({}, `[server]\n${lines.map(([key, value]) => `${key} = ${value}\n`).join('')}`)
  }

  await attachTest(t, 'a server or an engine that is away, and comes back', engine, {}, async (t, fleet) => {
    await using cut = await Cut.to(Number(new URL(fleet.server.url).port))
    const one = await fleet.attach('one', { url: cut.url })
    const test = (title: string, body: (t: Test) => Promise<unknown>) => t.test(title, body)
    const begin = async (more: object = {}) => {
      const execution = await fleet.submit({ command: held, ...more })
      await fleet.began(execution.id)
      return execution
    }
    const wentOn = { state: 'succeeded', attempt: 1, output: 'began\nwent on\n' }

    await test('a server that is away for a while gets results and logs when it is back', async t => {
      const { id } = await begin()
      await fleet.server.stop()
      await one.event('connection:lost')
      fleet.release(id)
      await one.event('job:ended')
      listenAgain(fleet)
      await fleet.server.restart()
      t.match(await fleet.ended(id), wentOn)
    })

    await test('a restart of the engine harms no job that runs, and one that is to start waits for it', async t => {
      const running = await begin()
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        const ended = engine.ends(signal)
        const { id } = await fleet.submit({})
        await ended
        await engine.answers()
        t.match(await fleet.ended(id), { state: 'succeeded', attempt: 1 }, signal)
      }
      fleet.release(running.id)
      t.match(await fleet.ended(running.id), wentOn)
    })

    await test('a network that is cut for longer than the lease costs nothing', async t => {
      const { id } = await begin()
      cut.close()
      await fleet.state(id, 'lost')
      fleet.release(id)
      await one.event('job:ended', ({ execution_id }) => execution_id === id)
      const before = one.all('connection:back').length
      cut.open()
      t.match(await fleet.ended(id), wentOn)
      await one.event('connection:back', undefined, before)
    })

    await test('a network that is silent for longer than a lease costs nothing', async t => {
      const made = async () => (await fleet.server.call('GET', '/v1/executions')).json.items.length
      const before = await made()
      const counting =
        'echo began; i=0; until ls /.runner/jobs/*/go >/dev/null 2>&1; do echo $i; i=$((i+1)); sleep 0.1; done; exit 3'
      const command = ['sh', '-c', counting]
      const [during, after, wordless] = [await begin({ command }), await begin({ command }), await begin()]
      const all = [during, after, wordless].map(({ id }) => id)
      cut.silence()
      for (const id of all) await fleet.state(id, 'lost')
      t.match(await one.event('connection:lost', ({ reason }) => reason === 'timed-out'), {
        message: /3 pings/,
      })
      fleet.release(during.id)
      await one.event('job:ended', ({ execution_id }) => execution_id === during.id)
      cut.open()
      for (const id of all.slice(1)) await fleet.state(id, 'running')
      for (const id of all.slice(1)) fleet.release(id)
      t.match(await fleet.ended(wordless.id), wentOn)
      for (const { id } of [during, after]) {
        const { state, exit_code, attempt, log } = await fleet.ended(id)
        t.same([state, exit_code, attempt], ['failed', 3, 1])
        const text = await fleet.log(id)
        const lines = Array.from({ length: text.split('\n').length - 2 }, (_, line) => `${line}\n`)
        t.equal(text, `began\n${lines.join('')}`, 'no line is missing')
        t.equal(log.sha256, sha256(text))
      }
      t.equal(await made(), before + 3, 'there were no other attempts')
    })

    await test('what another attempt has replaced is ended and dropped', async t => {
      const { id, group } = await begin({ retries: 1 })
      cut.close()
      await fleet.state(id, 'lost')
      const second = await fleet.attach('two')
      const next = await second.event('job:accepted')
      await fleet.began(next.execution_id)
      cut.open()
      await one.event('job:dropped', told => told.execution_id === id)
      fleet.release(next.execution_id)
      t.match(await fleet.ended(next.execution_id), { state: 'succeeded', attempt: 2, group })
      t.match(await fleet.server.execution(id), { state: 'lost' })
      t.equal(await second.stop(), 0)
    })

    await test('with another work_dir jobs in the former one run on, and leave nothing in it', async t => {
      const { id } = await begin()
      t.equal(await one.stop('SIGKILL'), 'SIGKILL')
      const former = fleet.workDir('one')
      fleet.configure('one', { work_dir: fleet.workDir('other') })
      renameSync(former, `${former}.away`)
      const next = fleet.start('one')
      await next.event('engine:failed', ({ message }) => message.includes(`${former}, which is not there`))
      renameSync(`${former}.away`, former)
      await next.ready()
      t.match(await fleet.ended((await fleet.submit({})).id), { state: 'succeeded' })
      fleet.release(id)
      t.match(await fleet.ended(id), wentOn)
      t.equal(await next.stop(), 0)
      t.same(readdirSync(former), [])
      t.same(readdirSync(fleet.workDir('other')), [])
    })

    const three = await fleet.attach('three', { url: cut.url, on_lost: 'abort', drain_time: 1 })
    await test('with on_lost = abort no job outlives its lease for long', async t => {
      const script = 'trap "echo asked; exit 5" TERM; echo began; while :; do sleep 0.1; done'
      const { id, group } = await begin({ command: ['sh', '-c', script], retries: 1 })
      cut.close()
      t.match(await three.event('job:ended'), {
        execution_id: id,
        outcome: 'failed',
        exit_code: 5,
        reason: 'lease-lost',
        error_message: /had not answered .* on_lost = abort/,
      })
      await fleet.state(id, 'lost')
      cut.open()
      t.match(await fleet.ended(id), { state: 'failed', reason: 'lease-lost', output: 'began\nasked\n' })
      const next = await three.event('job:accepted', ({ execution_id }) => execution_id !== id)
      await fleet.began(next.execution_id)
      t.match(await fleet.server.execution(next.execution_id), { state: 'running', group })
      await fleet.server.call('POST', `/v1/executions/${next.execution_id}/abort`)
      t.match(await fleet.ended(next.execution_id), { state: 'aborted' })
    })

    await test('after drain_time what still runs is aborted, with its grace, and the result told', async t => {
      const loop = (trap: string) => [
        'sh',
        '-c',
        `trap ${trap} TERM; echo began; while :; do sleep 0.05; done`,
      ]
      const one = await begin({ command: loop("'echo bye; exit 4'"), abort_timeout_seconds: 10 })
      const two = await begin({ command: loop("''"), abort_timeout_seconds: 1 })
      three.run.child.kill('SIGTERM')
      t.match(await three.event('runner:draining'), { executions: 2, seconds: 1 })
      t.equal(await three.run.ended, 0)
      const [first, second] = [await fleet.server.execution(one.id), await fleet.server.execution(two.id)]
      t.match(first, { state: 'aborted', exit_code: 4, output: 'began\nbye\n', log: { complete: true } })
      t.match(second, { state: 'aborted', output: 'began\n', log: { complete: true } })
      t.match(await fleet.runner('three'), { state: 'left' })
    })
  })

  await attachTest(t, 'a server that has forgotten', engine, {}, async (t, fleet) => {
    const { rig, server } = fleet
    const runner = await fleet.attach('one')
    const test = (title: string, body: (t: Test) => Promise<unknown>) => t.test(title, body)
    /** Makes a copy of the whole store, as an administrator does. */
    const backUp = async (name: string) => {
      if ((await rig.start(['server', 'backup', rig.path(name)]).ended) !== 0) throw new Error(rig.transcript)
    }
    let restored = 0
    /** Puts a copy in the place of the store, and starts the server again. */
    const restore = async (name: string, keys: Record<string, string | number> = {}) => {
      await server.stop()
      renameSync(rig.path('state', 'server'), rig.path(`before-${++restored}`))
      listenAgain(fleet, keys)
      if ((await rig.start(['server', 'restore', rig.path(name)]).ended) !== 0)
        throw new Error(rig.transcript)
      await server.restart('-v')
    }
    const unknown = (id: string) =>
      runner.event('notice', ({ message }) => message.includes(`does not know execution ${id}`))
    const refused = () => server.run.says('"call":"result","address":"127.0.0.1","reason":"not-found"')

    await test('a server that has another data key gets the result under that, and jobs go on', async t => {
      const properties = [
        { name: 'name', value: 'World' },
        { name: 'password', value: 'correct horse', password: true },
      ]
      const input = { task: { type: 'test.greet', properties } }
      const command = ['sh', '-c', `echo began; ${until}; exec node plugin.mjs`]
      const { id } = await fleet.submit({ image: 'plugin', command, input })
      await fleet.began(id)
      await server.stop()
      loseDataKey(fleet)
      listenAgain(fleet)
      await server.restart('-v')
      fleet.release(id)
      await server.run.says('"reason":"unknown-key"')
      t.match(await fleet.ended(id), { state: 'succeeded', output_properties: { greeting: 'Hello World' } })
      t.match(await fleet.ended((await fleet.submit({ image: 'plugin', input })).id), { state: 'succeeded' })
      t.equal(runner.all('runner:registered').length, 2)
    })

    await backUp('older')
    await test('a result that a restored server does not know is kept until it does', async t => {
      const { id } = await fleet.submit({ command: held })
      await fleet.began(id)
      await backUp('newer')
      await restore('older')
      await unknown(id)
      fleet.release(id)
      await runner.event('job:ended', ({ execution_id }) => execution_id === id)
      await refused()
      t.same(runner.all('job:dropped'), [])
      await restore('newer')
      t.match(await fleet.ended(id), { state: 'succeeded', attempt: 1, output: 'began\nwent on\n' })
    })

    await test('a result that a restored server does not know is let go of when it is too late', async t => {
      const { id } = await fleet.submit({ command: ['sh', '-c', until] })
      await fleet.state(id, 'running')
      await runner.event('job:started', ({ execution_id }) => execution_id === id)
      await restore('older', { late_result_seconds: 0.1 })
      await unknown(id)
      fleet.release(id)
      await refused()
      t.same(readdirSync(join(fleet.stateDir('one'), 'spool')), [id])
      await server.stop()
      await server.restart()
      t.match(await runner.event('job:dropped'), { execution_id: id, message: /the server does not know it/ })
    })

    t.equal(await runner.stop(), 0)
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
