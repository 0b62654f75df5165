/*
 * The promises that every backend must keep. A backend that does not make one of them says so in its facts,
 * and that one is not tested then.
 */
import type { Test } from 'tap'
import { logConformance } from './log-conformance.ts'
import { recoveryConformance } from './recovery-conformance.ts'
import { slotConformance } from './slot-conformance.ts'
import { Bench, logOf, never, type Step, type Subject, says, value, type WithSubject } from './subject.ts'

/** A test with one slot; everything is closed afterwards. */
export type BenchTest = (
  title: string,
  body: (t: Test, bench: Bench, subject: Subject) => Promise<void>,
) => Promise<unknown>

/** Makes tests of one backend. */
export function benchTest(t: Test, name: string, withSubject: WithSubject): BenchTest {
  return (title, body) =>
    t.test(`${name}: ${title}`, t =>
      withSubject(async subject => {
        const bench = await Bench.make(subject)
        try {
          await body(t, bench, subject)
        } finally {
          await bench.close()
        }
      }),
    )
}

/** Tests a backend by its contract (src/remote/executors/executor.ts). */
export async function executorConformance(t: Test, name: string, withSubject: WithSubject): Promise<void> {
  const test = benchTest(t, name, withSubject)
  await handOverConformance(test)
  await endConformance(test)
  await logConformance(test)
  await recoveryConformance(test)
  await slotConformance(test)
}

async function handOverConformance(test: BenchTest): Promise<void> {
  await test('a probe runs a job of its own, and leaves no slot', async (t, { backend, slot }) => {
    const { id, outlives, timeLimit, tells } = value(await backend.probe(never))
    t.not(id, '')
    t.match(value(await backend.health(never)), { id, outlives, timeLimit, tells })
    t.same(
      value(await backend.list()).map(ref => ref.id),
      [slot.ref.id],
    )
  })

  await test('placing starts nothing, and a job that is taken back leaves the slot as it was', async (t, bench) => {
    const { placed, kept } = await bench.place(['say:one'])
    t.equal(placed.state.backend, bench.backend.name)
    t.equal(await placed.takeBack(), true)
    t.equal(bench.slot.alive, true)
    const lost = await bench.backend.recover(placed.state, kept, never)
    t.equal(!lost.ok && lost.failure.reason, 'lost')
    const { handle } = await bench.start(['say:two'])
    t.equal(await logOf(handle), 'two')
  })

  await test('a job has its environment, and says when it started and how it ended', async (t, bench) => {
    const before = Date.now()
    const { handle } = await bench.start(['env:PLAIN', 'say: ', 'env:SECRET', 'exit:3'], {
      env: { PLAIN: 'plain $HOME "a\'b"' },
      secretEnv: { SECRET: 'line one\nline two' },
    })
    const started = await handle.started
    const exit = await handle.exited
    t.match(exit, { by: 'status', code: 3 })
    t.ok(started instanceof Date && Math.abs(started.getTime() - exit.startedAt.getTime()) < 1000)
    t.ok(exit.startedAt.getTime() >= before - 1000 && exit.at.getTime() <= Date.now() + 1000)
    t.ok(exit.startedAt <= exit.at)
    t.equal(await logOf(handle), 'plain $HOME "a\'b" line one\nline two')
  })

  await test('a plugin gets its input, and what it leaves is its output', async (t, bench) => {
    if (!value(await bench.backend.health(never)).plugins) return t.comment('it takes no plugins')
    const { handle } = await bench.start(['input', 'output:it is done'], {
      plugin: { input: '{"task": "a"}', sessionKey: '', releaseUrl: 'http://release' },
    })
    t.match(await handle.exited, { by: 'status', code: 0 })
    t.equal(await logOf(handle), '{"task": "a"}')
    const size = 'it is done'.length
    t.equal(Buffer.from(value(await handle.output(size)) ?? []).toString(), 'it is done')
    t.equal((await handle.output(size - 1)).ok, false, 'one byte more than it may have')
  })

  await test('a plugin that leaves nothing has no output', async (t, bench) => {
    if (!value(await bench.backend.health(never)).plugins) return t.comment('it takes no plugins')
    const { handle } = await bench.start(['say:x'], {
      plugin: { input: '{}', sessionKey: '', releaseUrl: 'http://release' },
    })
    await handle.exited
    t.equal(value(await handle.output(10)), undefined)
  })
}

async function endConformance(test: BenchTest): Promise<void> {
  await test('what a job has used goes with its end, over a restart too', async (t, bench, subject) => {
    const facts = value(await bench.backend.probe(never))
    const ofOne = async (seconds: number, bytes: number) => {
      const { handle, kept } = await bench.start([`use:${seconds}:${bytes}`])
      const { resources } = await handle.exited
      const next = value(await subject.open().recover(handle.state, kept, never))
      t.same((await next.exited).resources, resources, 'the next process finds the same')
      next.detach()
      return resources
    }
    const [cpu, bytes] = [0.02, 30_000_000]
    const first = await ofOne(cpu, bytes)
    if (!facts.measures) return
    t.ok(first!.cpuSeconds! >= cpu, `${first!.cpuSeconds} s`)
    t.ok(first!.peakMemoryBytes! >= bytes, `${first!.peakMemoryBytes} bytes`)
    const second = await ofOne(0, 10)
    t.ok(second!.cpuSeconds! < first!.cpuSeconds!, 'what the job before it took is not its own')
    t.ok((second!.peakMemoryBytes ?? 0) < bytes, 'nor is the memory of that')
  })

  await test('a program that cannot be started is not-startable, and the log says why', async (t, bench, subject) => {
    const { handle } = await bench.start([], { command: subject.missing })
    const exit = await handle.exited
    t.match(exit, { by: 'not-startable', code: 127 })
    t.match(await logOf(handle), /\w/)
  })

  await test('stop sends the signal of the job, and the job says how it ends', async (t, bench) => {
    const { handle } = await bench.start(['trap:7', 'tell:ready', 'hold:it'])
    await says(handle, 'ready')
    handle.stop('aborted')
    t.match(await handle.exited, { by: 'stopped', code: 7 })
  })

  await test('a job that takes its time to end has its grace, and a second stop changes nothing', async (t, bench) => {
    const { handle } = await bench.start(['trap:7:0.3', 'tell:ready', 'hold:it'])
    await says(handle, 'ready')
    handle.stop('aborted')
    handle.stop('lease-lost')
    t.match(await handle.exited, { by: 'stopped', code: 7 })
  })

  await test('a job that does not end within its grace is killed', async (t, bench) => {
    const { handle } = await bench.start(['ignore', 'tell:ready', 'hold:it'], { grace: 0.2 })
    await says(handle, 'ready')
    handle.stop('lease-lost')
    t.match(await handle.exited, { by: 'stopped', code: 137 })
  })

  await test('a time limit ends a job, and its grace follows', async (t, bench) => {
    const { handle } = await bench.start(['ignore', 'hold:it'], { limit: 0.3, grace: 0.1 })
    const exit = await handle.exited
    t.match(exit, { by: 'time-limit', code: 137 })
    t.ok(exit.at.getTime() - exit.startedAt.getTime() >= 300)
  })

  await test('a stop after the end changes nothing', async (t, bench) => {
    const { handle } = await bench.start(['exit:4'])
    await handle.exited
    handle.stop('aborted')
    t.match(await handle.exited, { by: 'status', code: 4 })
    value(await handle.keep())
    handle.stop('aborted')
  })

  await test('another signal than SIGTERM goes with the job', async (t, bench) => {
    const steps: Step[] = ['ignore', 'tell:ready', 'hold:it']
    const { handle } = await bench.start(steps, { signal: 'SIGINT', grace: 5 })
    await says(handle, 'ready')
    handle.stop('aborted')
    t.match(await handle.exited, { by: 'stopped', code: 130 })
  })
}
