import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, readdirSync, renameSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { adoptJob } from '../../src/remote/execution.ts'
import type { Executor } from '../../src/remote/executors/executor.ts'
import { edges, executorNeeds, Started, settings, value, World } from '../support/executors.ts'
import { makeImage, withBusybox } from '../support/images.ts'
import { testWith } from '../support/require.ts'
import { fixtures } from '../support/rig.ts'

t.setTimeout(300_000)

/** Takes up all jobs of an earlier process, as a runner that starts does. */
async function adoptAll(world: World): Promise<{ started: Started; executor: Executor | undefined }[]> {
  const executors = value(await world.executors().adopt())
  return world.spool.all().executions.map(execution => {
    const executor = executors.find(({ id }) => id === execution.place?.executor_id)
    const started = new Started(execution)
    const options = { edges, diskLimit: settings.disk_limit, onLog: (b: Uint8Array) => started.hear(b) }
    started.watch = value(adoptJob(execution, executor, options))
    return { started, executor }
  })
}

/** A process that hands over a job, and lives on; it may be killed at a step. */
function handOver(world: World, job: object, killAt = ''): ChildProcess {
  const whole = {
    ...{ execution_id: randomUUID(), kind: 'command', image: 'box', runner_group: 'default', env: {} },
    ...{ secret_env: {}, secrets: ['geheim'], session_key: '', release_url: '', max_time_seconds: 60 },
    ...{ abort_timeout_seconds: 1, max_output_bytes: 1000, ...job },
  }
  const { runnerId, workDir, engine } = world
  const spool = join(engine.directory, 'spool')
  const facts = { socket: engine.socket, runnerId, workDir, spool, settings, job: whole }
  const preload = killAt === '' ? [] : ['--import', join(fixtures, 'kill-at.mjs')]
  const args = [...preload, join(fixtures, 'hand-over.ts'), JSON.stringify(facts)]
  return spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, KILL_AT: killAt },
  })
}

/** The same, once the job has started. */
async function other(world: World, job: object): Promise<ChildProcess> {
  const child = handOver(world, job)
  let said = ''
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`it ended: ${said}`)))
  ended.catch(() => {})
  child.stdout!.on('data', chunk => {
    said += chunk
  })
  while (!said.includes('started\n')) await Promise.race([once(child.stdout!, 'data'), ended])
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

testWith(t, 'adoption', executorNeeds, async t => {
  await using world = await World.start('--live-restore')
  await makeImage(world.engine, 'box', { fill: withBusybox })
  const test = (title: string, body: (t: Test) => Promise<void>) =>
    t.test(title, async t => {
      await body(t)
      for (const execution of world.spool.all().executions) value(await execution.remove())
      t.same(await world.leftovers(), [], 'nothing is left')
    })
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i} ******\n`).join('')

  await test('a job runs on when its runner is killed, and the next one has its log and its end', async t => {
    const script =
      'i=0; while [ $i -lt 300 ]; do echo "line $i geheim"; i=$((i+1)); [ $((i % 10)) -eq 0 ] && sleep 0.01; done; exit 3'
    await kill(await other(world, { command: ['sh', '-c', script] }))
    const [job] = await adoptAll(world)
    const end = await job!.started.finished()
    t.match(end, { outcome: 'failed', exit_code: 3, log: lines(300) })
    t.equal(end.log_sha256, createHash('sha256').update(lines(300)).digest('hex'), 'no hole, nothing twice')
    await job!.executor!.remove()
  })

  await test('a job that ended while no runner was there is brought to its end too', async t => {
    const child = await other(world, { command: ['sh', '-c', 'echo "line 0 geheim"; sleep 0.3'] })
    await kill(child)
    await edges.clock.sleep(0.8)
    const [job] = await adoptAll(world)
    t.match(await job!.started.finished(), { outcome: 'succeeded', log: lines(1) })
    await job!.executor!.remove()
  })

  await test('an end that cannot be put on disk is there for the next process', async t => {
    const executor = await world.launch('box')
    const job = await world.start(executor, 'box', { command: ['sh', '-c', 'echo up; sleep 0.5; exit 3'] })
    const { directory } = job.execution
    renameSync(directory, `${directory}.away`)
    await job.stuck
    job.watch.detach()
    t.match(await job.watch.ended, { state: 'detached' })
    renameSync(`${directory}.away`, directory)
    const [again] = await adoptAll(world)
    t.match(await again!.started.finished(), { outcome: 'failed', exit_code: 3, log: 'up\n' })
    await job.execution.remove()
    await executor.remove()
  })

  // Its syncs: the job on record and two directories beside its place and one, its end and one. Its renames: the FIFO of
  // orders, before there is a job; the place, right before the order; the log into the leaf and the leaf out of the
  // container, before the end is on record; and the log kept.
  const placed = ['sync:1', 'sync:2', 'sync:5', 'synced:1', 'synced:3', 'synced:4', 'synced:5', 'rename:2']
  const steps = [...placed, 'renamed:2', 'rename:3', 'renamed:3', 'rename:4', 'renamed:4', 'sync:6', 'sync:7']
  steps.push('synced:7', 'rename:5', 'renamed:5')
  for (const at of steps)
    await test(`killed at ${at}, the next runner comes to the same end, or to none`, async t => {
      const child = handOver(world, { command: ['sh', '-c', 'echo over; exit 4'] }, at)
      t.same(await once(child, 'exit'), [null, 'SIGKILL'])
      const { executions, damaged } = world.spool.all()
      const executors = value(await world.executors().adopt())
      const [execution] = executions
      t.same([executions.length, damaged], [1, []])
      if (!execution!.mayHaveStarted) {
        t.ok(placed.includes(at), 'no order was given')
        t.not(execution!.place, undefined)
      } else if (execution!.end !== undefined) {
        t.match(execution!.end, { outcome: 'failed', exit_code: 4, log_length: 5 })
        value(await execution!.tidy())
        closeSync(value(execution!.openLog()))
      } else if (at === 'renamed:2') {
        await executors[0]!.kill()
        const [job] = await adoptAll(world)
        t.match(await job!.started.watch.ended, { state: 'not-started' })
      } else {
        const [job] = await adoptAll(world)
        t.match(await job!.started.finished(), { outcome: 'failed', exit_code: 4, log: 'over\n' })
        t.same(readdirSync(execution!.directory).sort(), ['end.json', 'job.json', 'log', 'place.json'])
      }
      for (const executor of executors) value(await executor.remove())
    })

  await test('an adopted job can be aborted, and its container may have gone meanwhile', async t => {
    await kill(await other(world, { command: ['sh', '-c', 'echo up; sleep 1000'] }))
    const [job] = await adoptAll(world)
    await job!.started.says('up\n')
    job!.started.watch.abort()
    t.match(await job!.started.finished(), { outcome: 'aborted' })
    await job!.executor!.remove()
    value(await job!.started.execution.remove())

    await kill(await other(world, { command: ['sh', '-c', 'echo up; sleep 1000'] }))
    await world.engine.docker('kill', ...(await world.engine.docker('ps', '-q')).split('\n'))
    const [gone] = await adoptAll(world)
    t.match(await gone!.started.finished(), { outcome: 'failed', reason: 'executor-lost', log: 'up\n' })
    await gone!.executor!.remove()
  })

  await test('a job of the release before, whose orders and log the container sees, is taken up too', async t => {
    const script = 'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.05; done'
    await kill(await other(world, { command: ['sh', '-c', script] }))
    const [execution] = world.spool.all().executions
    const directory = join(world.workDir, `${world.runnerId}.${execution!.place!.executor_id}`)
    renameSync(join(directory, 'orders'), join(directory, 'control', 'orders'))
    renameSync(join(directory, 'logs', execution!.id), join(directory, 'jobs', execution!.id, 'log'))
    rmdirSync(join(directory, 'logs'))
    const [job] = await adoptAll(world)
    await job!.started.says('up\n')
    job!.started.watch.abort()
    t.match(await job!.started.finished(), { outcome: 'aborted', exit_code: 5, log: 'up\nbye\n' })
    await job!.executor!.remove()
  })

  await test('an order that never got there is a job that was not started', async t => {
    const executor = await world.launch('box')
    const execution = world.spool.add({
      ...{ execution_id: randomUUID(), kind: 'command', image: 'box', runner_group: 'default', env: {} },
      ...{ secret_env: {}, secrets: [], session_key: '', release_url: '', max_time_seconds: 60 },
      ...{ abort_timeout_seconds: 1, max_output_bytes: 1000 },
    })
    const order = {
      ...{ execution_id: execution.id, nonce: edges.chance.id(), program: 'rnr_program=true\n' },
      ...{ limit: 0, grace: 1, signal: 'TERM' },
    }
    using leaf = executor.makeLeaf(order)
    await execution.writePlace({ executor_id: executor.id, nonce: order.nonce, leaf: leaf.identity })
    await executor.kill()
    const [job] = await adoptAll(world)
    t.match(await job!.started.watch.ended, { state: 'not-started' })
    await executor.remove()
  })

  await test('a restart of the engine is not noticed by a job', async t => {
    const executor = await world.launch('box')
    const script = 'i=0; while [ $i -lt 100 ]; do echo "line $i ******"; i=$((i+1)); sleep 0.03; done'
    const job = await world.start(executor, 'box', { command: ['sh', '-c', script] })
    await job.says('line 5 ')
    world.engine.signal('SIGKILL')
    await job.says('line 60 ')
    t.match(await job.finished(), { outcome: 'succeeded', log: lines(100) })
    await world.engine.answers()
    t.ok(await executor.sweep(), 'and the executor can be used again')
    value(await executor.remove())
  })

  await test('an engine that hangs holds up no job, and no call for ever', async t => {
    const executor = await world.launch('box')
    world.engine.signal('SIGSTOP')
    try {
      t.match(await world.run(executor, 'box', { command: ['true'] }), { outcome: 'succeeded' })
      const ask = world.client.call('say hello', (docker, abortSignal) => docker.info({ abortSignal }), 0.3)
      t.match(await ask, { ok: false, failure: { reason: 'engine-timeout', message: /within 0.3 s/ } })
    } finally {
      world.engine.signal('SIGCONT')
    }
    value(await executor.remove())
  })
})
