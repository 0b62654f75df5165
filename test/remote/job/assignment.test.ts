import t from 'tap'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import type { Failure } from '../../../src/remote/executors/executor.ts'
import { runnerTest } from '../../support/fake-runner.ts'

t.setTimeout(360_000)

const refused: Failure = { reason: 'executor-not-started', message: 'no room today', retry: 'soon' }

runnerTest(t, 'each way in which a job ends has its outcome', async (t, { server, start }) => {
  await start().ready()
  const ends = {
    'exit:0': { state: 'succeeded', reason: null, exit_code: 0 },
    'exit:7': { state: 'failed', reason: 'exit-status', exit_code: 7 },
    oom: { state: 'failed', reason: 'out-of-memory' },
    disk: { state: 'failed', reason: 'disk-full' },
    lost: { state: 'failed', reason: 'executor-lost' },
    'not-startable': { state: 'failed', reason: 'not-startable' },
  }
  const ids = await Promise.all(Object.keys(ends).map(step => server.submit({ command: ['say:x', step] })))
  const ended = await Promise.all(ids.map(id => server.ended(id)))
  for (const [index, [step, end]] of Object.entries(ends).entries())
    t.match(ended[index], { ...end, attempt: 1 }, step)
})

runnerTest(
  t,
  'a job that runs is aborted by its signal, and one over its time limit too',
  async (t, { server, start, home }) => {
    await start().ready()
    const id = await server.submit({ command: ['trap:9', 'say:ready', 'hold:it'] })
    await home.machine.reached('it')
    await server.abort(id)
    t.match(await server.ended(id), { state: 'aborted', exit_code: 9 })
    t.equal(await server.log(id), 'ready')

    const long = await server.submit({ command: ['hold:it'], max_time_seconds: 1 })
    t.match(await server.ended(long), { state: 'failed', reason: 'timed-out', exit_code: 143 })
  },
)

runnerTest(t, 'a job that is aborted before it has a slot never runs', async (t, { server, start, home }) => {
  await start().ready()
  const gate = home.machine.gate('open')
  const id = await server.submit({ command: ['say:ran'] })
  await gate.reached
  await server.until(id, ({ state }) => state === 'running')
  await server.abort(id)
  await gate.askedToEnd
  gate.open()
  t.match(await server.ended(id), { state: 'aborted' })
  t.notOk(home.machine.calls.includes('start'))
})

runnerTest(
  t,
  'a slot that is refused is tried again, and the job says why it waits',
  async (t, { server, start, home }) => {
    const runner = await start().ready()
    home.machine.fail('open', refused, 1)
    const id = await server.submit({ command: ['say:ran'] })
    t.match(await server.ended(id), { state: 'succeeded', attempt: 1 })
    t.match(runner.all('job:waits'), [{ message: 'no room today', execution_id: id }])
  },
)

runnerTest(
  t,
  'a job that its runner cannot start says why at the server, until it has started',
  async (t, { server, start, home }) => {
    await start().ready()
    home.machine.fail('open', refused, 1)
    const id = await server.submit({ command: ['say:ran', 'hold:it'] })
    const waits = await server.until(id, ({ waiting_because }) => waiting_because?.includes('today') === true)
    t.match(waits, { state: 'running', waiting_because: /^it has not started on \S+ yet: no room today$/ })
    await home.machine.reached('it')
    await server.until(id, ({ waiting_because }) => waiting_because === null)
    home.machine.release('it')
    t.match(await server.ended(id), { state: 'succeeded' })
  },
)

runnerTest(t, 'what will never succeed is tried once', async (t, { server, start, home }) => {
  await start().ready()
  home.machine.fail('prepare', { reason: 'image-missing', message: 'there is no such image', retry: 'never' })
  const id = await server.submit()
  const end = { state: 'failed', reason: 'image-missing', error_message: 'there is no such image' }
  t.match(await server.ended(id), end)
  t.same(home.machine.calls.filter(call => call === 'prepare').length, 1)
  t.notOk(home.machine.calls.includes('open'))
})

runnerTest(
  t,
  'a job whose start fails is started in another slot, once',
  async (t, { server, start, home }) => {
    await start().ready()
    home.machine.fail('start', { ...refused, reason: 'executor-lost' }, 1)
    const id = await server.submit({ command: ['say:ran'] })
    t.match(await server.ended(id), { state: 'succeeded', attempt: 1 })
    t.equal(await server.log(id), 'ran')
    t.equal(home.machine.calls.filter(call => call === 'open').length, 2)
  },
)

runnerTest(t, 'a job that never starts is given up after some slots', async (t, { server, start, home }) => {
  await start().ready()
  const id = await server.submit({ command: ['never'] })
  t.match(await server.ended(id), { state: 'failed', reason: 'executor-lost', attempt: 1 })
  t.equal(home.machine.calls.filter(call => call === 'start').length, 5)
})

runnerTest(t, 'files that cannot be kept at first are kept later', async (t, { server, start, home }) => {
  await start().ready()
  home.machine.fail('keep', { reason: 'spool-lost', message: 'no space', retry: 'soon' }, 2)
  const id = await server.submit({ command: ['say:ran', 'exit:2'] })
  t.match(await server.ended(id), { state: 'failed', exit_code: 2 })
  t.equal(await server.log(id), 'ran')
})

runnerTest(t, 'the secrets of a job are masked in its log', async (t, { server, start }) => {
  await start().ready()
  const id = await server.submit({
    command: ['env:PLAIN', 'say: ', 'env:SECRET'],
    env: { PLAIN: 'plain' },
    secret_env: { SECRET: 'hush-hush-123' },
  })
  await server.ended(id)
  const log = await server.log(id)
  t.match(log, /^plain /)
  t.notMatch(log, 'hush-hush-123')
})

runnerTest(
  t,
  'a slot gets one job after the other, unless a job says otherwise or spoils it',
  async (t, { server, start, home }) => {
    await start().ready()
    const run = async (definition: object) => server.ended(await server.submit(definition))
    const opened = () => home.machine.calls.filter(call => call === 'open').length
    await run({})
    await run({})
    t.equal(opened(), 1)
    await run({ reuse: 'never' })
    await run({ reuse: 'never' })
    t.equal(opened(), 3)
    await run({ command: ['spoil'] })
    await run({})
    t.equal(opened(), 4, 'a slot that is spoiled gets no second job')
  },
)

runnerTest(t, 'a retry gets the image of the first attempt, though its tag has moved', async (t, parts) => {
  const { server, start, home } = parts
  await start().ready()
  const [before, after] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`]
  home.machine.digests.set('app:1', before)
  const id = await server.submit({ image: 'app:1', retries: 1, command: ['hold:first', 'exit:1'] })
  await home.machine.reached('first')
  // A heartbeat has said it while the attempt runs: the end may never come.
  await server.until(id, ({ image_digest }) => image_digest === before)
  home.machine.digests.set('app:1', after)
  home.machine.release('first')
  await server.ended(id)
  const listed = await server.call('GET', `/v1/executions?group=${id}`)
  const { items } = JSON.parse(listed) as { items: Execution[] }
  const retry = await server.ended(items.find(({ attempt }) => attempt === 2)!.id)
  t.match(retry, { image: 'app:1', image_digest: before, state: 'failed' })
  t.same(
    home.machine.needs.map(({ image, digest }) => [image, digest]),
    [
      ['app:1', undefined],
      ['app:1', before],
    ],
  )
  const rerun = JSON.parse(await server.call('POST', `/v1/executions/${id}/rerun`)) as Execution
  await server.until(rerun.id, ({ image_digest }) => image_digest === after)
})
