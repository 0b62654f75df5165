import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { ExecutorConfiguration } from '../../../../../src/config/sections/executor.ts'
import { probe } from '../../../../../src/remote/executors/docker/probe.ts'
import type { ExecutorBackend } from '../../../../../src/remote/executors/executor.ts'
import { type AttachRig, attachTest, held } from '../../../../support/attached.ts'
import { withNetworks } from '../../../../support/engine.ts'
import { EngineRig, executorNeeds, forSeveral, value } from '../../../../support/executors.ts'
import { Hold } from '../../../../support/hold.ts'
import { makeImage, withBusybox } from '../../../../support/images.ts'
import { neighbourNeeds, outsideOf, reaches } from '../../../../support/neighbours.ts'
import { testWith } from '../../../../support/require.ts'
import { rigTest } from '../../../../support/rig.ts'

t.setTimeout(1_800_000)

const never = new AbortController().signal
const own = { network: 'job' }

const needs = [...executorNeeds, ...neighbourNeeds]

testWith(t, 'network = job', needs, async t => {
  // Room for four networks: that of the engine, and three more.
  const few = ['--default-address-pool', 'base=10.98.0.0/27,size=29']
  await using rig = await EngineRig.start(...withNetworks, ...few)
  const { engine } = rig
  await makeImage(engine, 'box', { fill: withBusybox })
  const test = rig.testsOf(t)
  const inspect = (name: string, format: string) => engine.docker('inspect', '--format', format, name)
  const addressOf = (name: string) =>
    inspect(name, '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}')
  const open = async (backend: ExecutorBackend, options = forSeveral()) => {
    const prepared = value(await backend.prepare({ image: 'box' }, () => {}, never))
    return backend.open(prepared, options, never)
  }

  const reached = (changes: Partial<ExecutorConfiguration>, outside: string) =>
    reaches(rig, outside, async () => {
      const container = await rig.launch('box', changes)
      return { where: container, name: container.name, close: () => container.remove() }
    })

  await test('jobs in two containers do not reach each other, and both reach the world', async t => {
    await using outside = await outsideOf(engine)
    t.same(await reached({ network: 'bridge' }, outside.address), { neighbour: true, beyond: true })
    t.same(await reached(own, outside.address), { neighbour: false, beyond: true })
  })

  await test('a network comes and goes with its container, and says whose it is', async t => {
    const backend = rig.backend(own)
    const slotId = 'a'.repeat(32)
    const slot = value(await open(backend, { slotId, group: 'ops', ephemeral: false }))
    const name = `runner-${slotId}`
    t.same(await engine.networks(), [name])
    t.equal(await inspect(name, '{{.HostConfig.NetworkMode}}'), name)
    const labels = JSON.parse(await engine.docker('network', 'inspect', '--format', '{{json .Labels}}', name))
    t.same(labels, {
      'runner.uuid': rig.runnerId,
      'runner.executor': slotId,
      'runner.group': 'ops',
    })
    const before = await addressOf(name)
    await rig.run(slot, 'box', { command: ['true'] })
    t.equal(await slot.clean(), 'clean')
    t.match((await rig.run(slot, 'box', { command: ['busybox', 'ip', 'addr'] })).log, `inet ${before}/`)
    value(await backend.close(slot.ref))
    t.same(await engine.networks(), [])
  })

  await test('networks without a container go, whatever network is now; those of others stay', async t => {
    const make = (name: string, uuid: string, id: string) =>
      engine.docker(
        'network',
        'create',
        '--label',
        `runner.uuid=${uuid}`,
        '--label',
        `runner.executor=${id}`,
        name,
      )
    const [bare, misnamed, foreign] = ['b', 'c', 'd'].map(letter => letter.repeat(32)) as [
      string,
      string,
      string,
    ]
    await make(`runner-${bare}`, rig.runnerId, bare)
    await make('of-a-person', rig.runnerId, misnamed)
    await make(`runner-${foreign}`, randomUUID(), foreign)
    const backend = rig.backend({ network: 'none' })
    const refs = value(await backend.list())
    t.same(refs, [{ id: bare, key: '' }])
    for (const ref of refs) value(await backend.close(ref))
    t.same((await engine.networks()).sort(), ['of-a-person', `runner-${foreign}`])
    t.same(value(await backend.list()), [])
    await engine.docker('network', 'rm', 'of-a-person', `runner-${foreign}`)
  })

  await test('where the engine has no addresses left, that is said, with what helps', async t => {
    const taken = ['one', 'two', 'three']
    for (const name of taken) await engine.docker('network', 'create', name)
    const failure = {
      reason: 'no-network',
      retry: 'soon',
      message: /no addresses left for another network.*docker network prune.*default-address-pools.*capacity/,
    }
    const backend = rig.backend(own)
    t.match(await open(backend), { ok: false, failure })
    t.match(await probe(rig.options(own), rig.facts, never), { ok: false, failure })
    t.same(await rig.leftovers(), [])
    await engine.docker('network', 'rm', 'one')
    const slot = value(await open(backend))
    value(await backend.close(slot.ref))
    await engine.docker('network', 'rm', 'two', 'three')
  })

  await rigTest(
    t,
    'runner plugin run has one too, and the next removes that of a killed one',
    {},
    async (t, rig) => {
      rig.configure({}, `[executor]\ndocker_host = unix://${engine.socket}\npull = never\n`)
      const run = (script: string) =>
        rig.start(['plugin', 'run', '--network', 'job', 'box', '--', 'sh', '-c', script])
      const killed = run('echo up; sleep 1000')
      await killed.says('up')
      killed.child.kill('SIGKILL')
      await killed.ended
      t.equal((await engine.networks()).length, 1)
      const next = run('busybox ip route')
      t.equal(await next.ended, 0)
      t.match(next.text, /default via 10\.98\.0\./)
      t.same(await engine.networks(), [])
    },
  )

  const attached = (title: string, body: (t: Test, fleet: AttachRig) => Promise<unknown>) =>
    attachTest(t, title, engine, {}, body)

  await attached(
    'a runner that is killed between network and container leaves none after its next start',
    async (t, fleet) => {
      await using hold = await Hold.to(engine.socket)
      const asked = hold.next(/^POST \S*\/containers\/create/, 'request')
      fleet.configure('one', {}, `network = job\ndocker_host = ${hold.url}`)
      const killed = fleet.start('one')
      await asked
      t.equal(await killed.stop('SIGKILL'), 'SIGKILL')
      const left = await engine.networks()
      t.equal(left.length, 1)
      const runner = await fleet.attach('one', {}, 'network = job')
      await runner.event('runner:recovered', ({ removed }) => removed === 1)
      const { id } = await fleet.submit({ command: ['busybox', 'ip', 'route'] })
      t.match(await fleet.ended(id), { state: 'succeeded', output: /^default via 10\.98\.0\./ })
      t.notOk((await engine.networks()).includes(left[0]!))
      t.equal(await runner.stop(), 0)
    },
  )

  await attached('a job waits for addresses, and is told why', async (t, fleet) => {
    const runner = await fleet.attach('one', {}, 'network = job')
    for (const name of ['one', 'two', 'three']) await engine.docker('network', 'create', name)
    const { id } = await fleet.submit({ command: held })
    const { message } = await runner.event('job:waits')
    t.match(message, /no addresses left for another network/)
    await engine.docker('network', 'rm', 'one', 'two', 'three')
    await fleet.began(id)
    fleet.release(id)
    t.match(await fleet.ended(id), { state: 'succeeded' })
    t.equal(await runner.stop(), 0)
  })
})
