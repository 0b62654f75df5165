import t from 'tap'
import { RunnerHome, runnerTest } from '../../support/fake-runner.ts'
import { type Heard, HostileServer, malformed } from '../../support/hostile-server.ts'

t.setTimeout(360_000)

runnerTest(t, 'a log comes while the job runs, whole and in order', async (t, { server, home, start }) => {
  const runner = await start().ready()
  const id = await server.submit({ command: ['say:one\n', 'hold:it', 'fill:300000', 'say:\nend'] })
  await home.machine.reached('it')
  while ((await server.log(id)) !== 'one\n') await runner.event('job:started')
  home.machine.release('it')
  t.match(await server.ended(id), { state: 'succeeded', log: { complete: true } })
  const log = await server.log(id)
  t.equal(log.length, 300_008)
  t.ok(log.startsWith('one\nxxx') && log.endsWith('xxx\nend'))
  await runner.event('job:delivered')
})

runnerTest(
  t,
  'a result whose files cannot be removed at once is delivered all the same',
  async (t, { server, home, start }) => {
    const runner = await start().ready()
    home.machine.fail('discard', { reason: 'files-left', message: 'they are busy', retry: 'soon' }, 1)
    const id = await server.submit({ command: ['say:x'] })
    t.match(await server.ended(id), { state: 'succeeded' })
    await runner.event('notice', ({ message }) => message === 'they are busy')
  },
)

runnerTest(
  t,
  'a result whose output a quota holds back waits, over a restart of the runner too',
  async (t, parts) => {
    const { server, start } = parts
    const allow = (output_bytes_per_hour: number) =>
      server.call('PUT', '/v1/settings', { namespaces: { default: { output_bytes_per_hour } } })
    const properties = [{ name: 'left', category: 'output' }]
    const plugin = (text: string) => {
      const output = JSON.stringify({ exitCode: 0, outputProperties: { left: text } })
      return server.submit({
        input: { task: { type: 'a.B', properties } },
        command: [`output:${output}`, 'exit:0'],
      })
    }
    await allow(1)
    const runner = await start().ready()
    t.match(await server.ended(await plugin('first')), { output_properties: { left: 'first' } })
    const id = await plugin('second')
    const { message } = await runner.event('job:waits')
    t.match(message, /^its result is kept here: .*namespace default has sent 1 bytes of outputs in an hour/)
    t.match(await server.execution(id), {
      state: 'running',
      waiting_because: /^it has ended, and its output waits: namespace default/,
    })
    t.match(await server.ended(await server.submit({ command: ['exit:0'] })), { state: 'succeeded' })
    await runner.stop('detach')
    await allow(1_000_000)
    await start().ready()
    t.match(await server.ended(id), {
      state: 'succeeded',
      attempt: 1,
      waiting_because: null,
      output_properties: { left: 'second' },
    })
  },
)

runnerTest(
  t,
  'a result says how long its phases took and what the job has used, over a restart of the runner too',
  async (t, { server, home, start }) => {
    const runner = await start().ready()
    const id = await server.submit({ command: ['use:1.5:4096', 'hold:it', 'exit:3'] })
    await home.machine.reached('it')
    t.match(await server.execution(id), { phases: null, resources: null }, 'nothing is known before the end')
    await runner.stop('detach')
    await start().ready()
    home.machine.release('it')
    const { phases, resources } = await server.ended(id)
    t.same(resources, { cpu_seconds: 1.5, peak_memory_bytes: 4096 })
    t.same(Object.keys(phases ?? {}).sort(), ['image', 'queued', 'result', 'run', 'start'])
    for (const seconds of Object.values(phases ?? {})) t.ok(seconds >= 0 && seconds < 60, String(seconds))
  },
)

/**
 * The calls that a server hears which hands out one job and asks for the digest of its image. `features`: the
 * fields of results that it says to accept.
 */
async function heardOf(dir: string, refused: readonly string[], features?: string[]): Promise<Heard[]> {
  let given = false
  await using server = await HostileServer.start(({ path, body }) => {
    const unknown = refused.find(field => body !== undefined && field in body)
    if (unknown !== undefined) return malformed(`the body has an unknown field "${unknown}"`)
    if (path.endsWith('/register')) return { body: { ...server.registered(body), features } }
    if (given || !path.endsWith('/reserve')) return undefined
    given = true
    const job = { kind: 'command', image: 'app:1', image_digest: null, command: ['use:1:2', 'exit:1'] }
    return { body: { executions: [server.reservation(job)] } }
  })
  const home = new RunnerHome(dir, server)
  home.machine.digests.set('app:1', `sha256:${'a'.repeat(64)}`)
  const runner = home.attach()
  await runner.event('job:delivered')
  await runner.stop()
  return server.heard
}

t.test('the server is told with the result which image a job ran, where it asks', async t => {
  const heard = await heardOf(t.testdir({}), [])
  const [result] = heard.filter(({ method }) => method === 'PUT')
  t.match(result!.body, { outcome: 'failed', image_digest: `sha256:${'a'.repeat(64)}` })
})

t.test('a result is not lost at a server that has become too old to be told of its image', async t => {
  const heard = await heardOf(t.testdir({}), ['image_digest', 'image_digests'])
  const results = heard.filter(({ method }) => method === 'PUT').map(({ body }) => 'image_digest' in body)
  t.same(results, [true, false])
})

t.test('a server of an earlier release is sent nothing that it would refuse', async t => {
  const heard = await heardOf(t.testdir({}), ['phases', 'resources'])
  const results = heard.filter(({ method }) => method === 'PUT')
  t.equal(results.length, 1)
  t.equal('phases' in results[0]!.body || 'resources' in results[0]!.body, false)
})

t.test('a server that has become too old for phases and resources gets the result without them', async t => {
  const heard = await heardOf(t.testdir({}), ['phases', 'resources'], ['phases', 'resources', 'a later one'])
  const results = heard.filter(({ method }) => method === 'PUT')
  t.match(
    results.map(({ body }) => ['phases', 'resources'].filter(name => name in body)),
    [['phases', 'resources'], ['resources'], []],
  )
})
