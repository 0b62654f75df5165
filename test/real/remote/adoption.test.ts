import { randomUUID } from 'node:crypto'
import { globSync, readdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import t from 'tap'
import type { ExecutorBackend } from '../../../src/remote/executors/executor.ts'
import { placeJob } from '../../../src/remote/job/handover.ts'
import { EngineRig, edges, executorNeeds, Started, settings, value } from '../../support/executors.ts'
import { makeImage, withBusybox } from '../../support/images.ts'
import { assignedJob, sha256 } from '../../support/messages.ts'
import { testWith } from '../../support/require.ts'
import { fixtures } from '../../support/rig.ts'

t.setTimeout(900_000)

const never = new AbortController().signal

interface Adopted {
  started: Started
  /** Closes its slot, where one is left. */
  close(): Promise<void>
}

/** Takes up all jobs of an earlier process, as a runner that starts does. */
function adoptAll(rig: EngineRig, backend: ExecutorBackend = rig.backend()): Promise<Adopted[]> {
  return Promise.all(
    rig.spool.all().executions.map(async execution => {
      const handle = value(await backend.recover(execution.state!, execution.directory, never))
      const close = async () => {
        if (handle.slot !== undefined) value(await backend.close(handle.slot))
      }
      return { started: new Started(execution, handle), close }
    }),
  )
}

/** Closes all slots that an earlier process has left. */
async function closeAll(backend: ExecutorBackend): Promise<void> {
  for (const ref of value(await backend.list())) value(await backend.close(ref))
}

/** A process that hands over a job, and lives on; it may be killed at a step. */
function handOver(rig: EngineRig, job: object, killAt = '') {
  const whole = { ...assignedJob(randomUUID(), { secrets: ['geheim'], max_time_seconds: 60 }), ...job }
  const { runnerId, workDir, engine } = rig
  const spool = join(engine.directory, 'spool')
  const facts = { socket: engine.socket, runnerId, workDir, spool, settings, job: whole }
  const preload = killAt === '' ? [] : ['--import', join(fixtures, 'kill-at.mjs')]
  const args = [...preload, join(fixtures, 'hand-over.ts'), JSON.stringify(facts)]
  return execa(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { KILL_AT: killAt },
    reject: false,
  })
}

/** The same, killed once the job has started. */
async function handOverAndDie(rig: EngineRig, job: object): Promise<void> {
  const child = handOver(rig, job)
  for await (const line of child) if (line.endsWith('started')) child.kill('SIGKILL')
  const { signal, stdout } = await child
  if (signal !== 'SIGKILL') throw new Error(`it ended: ${stdout}`)
}

/** Waits until the only job there is has ended; nobody may look at it meanwhile. */
async function ends(rig: EngineRig): Promise<void> {
  const exited = () =>
    globSync(join(rig.workDir, '*', 'jobs', '*', 'exit')).some(
      file => readFileSync(file, 'utf8').trim() !== '',
    )
  while (!exited()) await edges.clock.sleep(0.02)
}

testWith(t, 'adoption', executorNeeds, async t => {
  await using rig = await EngineRig.start('--live-restore')
  await makeImage(rig.engine, 'box', { fill: withBusybox })
  const test = rig.testsOf(t, async () => {
    for (const execution of rig.spool.all().executions) value(await execution.remove())
  })
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i} ******\n`).join('')

  await test('a job runs on when its runner is killed, and the next one has its log and its end', async t => {
    const script =
      'i=0; while [ $i -lt 300 ]; do echo "line $i geheim"; i=$((i+1)); [ $((i % 10)) -eq 0 ] && sleep 0.01; done; exit 3'
    await handOverAndDie(rig, { command: ['sh', '-c', script] })
    const [job] = await adoptAll(rig)
    const end = await job!.started.finished()
    t.match(end, { outcome: 'failed', exit_code: 3, log: lines(300) })
    t.equal(end.log_sha256, sha256(lines(300)), 'no hole, nothing twice')
    await job!.close()
  })

  await test('a job that ended while no runner was there is brought to its end too', async t => {
    await handOverAndDie(rig, { command: ['sh', '-c', 'echo "line 0 geheim"; sleep 0.3'] })
    await ends(rig)
    const [job] = await adoptAll(rig)
    t.match(await job!.started.finished(), { outcome: 'succeeded', log: lines(1) })
    await job!.close()
  })

  await test('an end that cannot be put on disk is there for the next process', async t => {
    const executor = await rig.launch('box')
    const job = await rig.start(executor, 'box', { command: ['sh', '-c', 'echo up; sleep 0.5; exit 3'] })
    const { directory } = job.execution
    renameSync(directory, `${directory}.away`)
    await job.stuck
    job.watch.detach()
    t.match(await job.watch.ended, { state: 'detached' })
    renameSync(`${directory}.away`, directory)
    const [again] = await adoptAll(rig)
    t.match(await again!.started.finished(), { outcome: 'failed', exit_code: 3, log: 'up\n' })
    await job.execution.remove()
    await executor.remove()
  })

  // The points between which its files differ; a sync changes nothing that the next process could see. The place is written
  // and synced (five files and directories at a time), and renamed right before the order. The log goes into the exchange
  // directory, and that out of the container. The end is written and synced (its file and its directory), and the log kept.
  const placed = ['sync:1', 'rename:2']
  const steps = [
    ...placed,
    'renamed:2',
    'rename:3',
    'renamed:3',
    'renamed:4',
    'sync:6',
    'rename:5',
    'renamed:5',
  ]
  for (const at of steps)
    await test(`killed at ${at}, the next runner comes to the same end, or to none`, async t => {
      const killed = await handOver(rig, { command: ['sh', '-c', 'echo over; exit 4'] }, at)
      t.match(killed, { exitCode: undefined, signal: 'SIGKILL' })
      const { executions, damaged } = rig.spool.all()
      const backend = rig.backend()
      const [execution] = executions
      t.same([executions.length, damaged], [1, []])
      if (!execution!.mayHaveStarted) {
        t.ok(placed.includes(at), 'no order was given')
        t.not(execution!.state, undefined)
      } else if (execution!.end !== undefined) {
        t.match(execution!.end, { outcome: 'failed', exit_code: 4, log_length: 5 })
        value(execution!.makeEndLast())
        const kept = backend.kept(execution!.state!, execution!.directory)
        value(await kept.trim())
        t.equal(await kept.logLength(), 5)
      } else if (at === 'renamed:2') {
        await rig.engine.docker('kill', ...(await rig.engine.running()))
        const [job] = await adoptAll(rig, backend)
        t.match(await job!.started.watch.ended, { state: 'not-started' })
      } else {
        const [job] = await adoptAll(rig, backend)
        t.match(await job!.started.finished(), { outcome: 'failed', exit_code: 4, log: 'over\n' })
        t.same(readdirSync(execution!.directory).sort(), ['end.json', 'job.json', 'log', 'place.json'])
      }
      await closeAll(backend)
    })

  await test('an adopted job can be aborted, and its container may have gone meanwhile', async t => {
    await handOverAndDie(rig, { command: ['sh', '-c', 'echo up; sleep 1000'] })
    const [job] = await adoptAll(rig)
    await job!.started.says('up\n')
    job!.started.watch.abort()
    t.match(await job!.started.finished(), { outcome: 'aborted' })
    await job!.close()
    value(await job!.started.execution.remove())

    await handOverAndDie(rig, { command: ['sh', '-c', 'echo up; sleep 1000'] })
    await rig.engine.docker('kill', ...(await rig.engine.running()))
    const [gone] = await adoptAll(rig)
    t.match(await gone!.started.finished(), { outcome: 'failed', reason: 'executor-lost', log: 'up\n' })
    await gone!.close()
  })

  await test('a job of the release before, whose orders and log the container sees, is taken up too', async t => {
    const script = 'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.05; done'
    await handOverAndDie(rig, { command: ['sh', '-c', script] })
    const [execution] = rig.spool.all().executions
    const [slot] = value(await rig.backend().list())
    const directory = join(rig.workDir, `${rig.runnerId}.${slot!.id}`)
    renameSync(join(directory, 'orders'), join(directory, 'control', 'orders'))
    renameSync(join(directory, 'logs', execution!.id), join(directory, 'jobs', execution!.id, 'log'))
    rmdirSync(join(directory, 'logs'))
    const [job] = await adoptAll(rig)
    await job!.started.says('up\n')
    job!.started.watch.abort()
    t.match(await job!.started.finished(), { outcome: 'aborted', exit_code: 5, log: 'up\nbye\n' })
    await job!.close()
  })

  await test('an order that never got there is a job that was not started', async t => {
    const executor = await rig.launch('box')
    const execution = rig.spool.add(assignedJob(randomUUID(), { command: ['true'], max_time_seconds: 60 }))
    value(await placeJob(execution, await rig.slot(executor, 'box')))
    await executor.engineSide.kill()
    const [job] = await adoptAll(rig)
    t.match(await job!.started.watch.ended, { state: 'not-started' })
    await executor.remove()
  })

  await test('a restart of the engine is not noticed by a job', async t => {
    const executor = await rig.launch('box')
    const script = 'i=0; while [ $i -lt 100 ]; do echo "line $i ******"; i=$((i+1)); sleep 0.03; done'
    const job = await rig.start(executor, 'box', { command: ['sh', '-c', script] })
    await job.says('line 5 ')
    rig.engine.signal('SIGKILL')
    await job.says('line 60 ')
    t.match(await job.finished(), { outcome: 'succeeded', log: lines(100) })
    await rig.engine.answers()
    t.ok(await executor.sweep(), 'and the executor can be used again')
    value(await executor.remove())
  })

  await test('an engine that hangs holds up no job, and no call for ever', async t => {
    const executor = await rig.launch('box')
    rig.engine.signal('SIGSTOP')
    try {
      t.match(await rig.run(executor, 'box', { command: ['true'] }), { outcome: 'succeeded' })
      const ask = rig.client.call('say hello', (docker, abortSignal) => docker.info({ abortSignal }), 0.3)
      t.match(await ask, { ok: false, failure: { reason: 'engine-timeout', message: /within 0.3 s/ } })
    } finally {
      rig.engine.signal('SIGCONT')
    }
    value(await executor.remove())
  })
})
