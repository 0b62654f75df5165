import { setImmediate } from 'node:timers/promises'
import type { BenchTest } from './conformance.ts'
import { logOf, never, type Step, says, value } from './subject.ts'

const plugin = { input: '{}', sessionKey: '', releaseUrl: 'http://release' }

/** The jobs of a runner that goes away, at each point of their lives. */
export async function recoveryConformance(test: BenchTest): Promise<void> {
  await test('a job that was placed and not started never starts', async (t, bench) => {
    const { placed, kept } = await bench.place(['say:ran'])
    bench.restart()
    const handle = await bench.recover(placed, kept)
    t.equal(await handle.started, 'never')
    t.equal(await logOf(handle), '')
    t.equal(await isSettled(handle.exited), false)
    // The slot may be the price for being sure.
    if (handle.slot !== undefined) value(await bench.backend.close(handle.slot))
  })

  await test('a job that runs is found, and is the same one', async (t, bench, subject) => {
    const { handle, kept } = await bench.start(['tell:one', 'hold:it', 'say:two', 'exit:3'])
    await says(handle, 'one')
    const began = await handle.started
    bench.restart()
    const next = await bench.recover(handle, kept)
    t.same(next.state, handle.state)
    t.equal(next.slot?.id, bench.slot.ref.id)
    const again = await next.started
    t.ok(again instanceof Date && began instanceof Date && Math.abs(again.getTime() - began.getTime()) < 100)
    subject.release('it')
    t.match(await next.exited, { by: 'status', code: 3 })
    t.equal(await logOf(next), 'one\ntwo', 'it ran once')
    t.equal(await isSettled(handle.exited), false, 'the runner before hears nothing of it')
  })

  await test('a job that is recovered can be stopped, and a stop before counts', async (t, bench) => {
    const { handle, kept } = await bench.start(['trap:7:0.2', 'tell:ready', 'hold:it'])
    await says(handle, 'ready')
    handle.stop('aborted')
    bench.restart()
    const next = await bench.recover(handle, kept)
    next.stop('aborted')
    t.match(await next.exited, { by: 'stopped', code: 7 })
  })

  await test('a job that ended meanwhile has its exit, its output and its log', async (t, bench, subject) => {
    const { plugins } = value(await bench.backend.health(never))
    const steps: Step[] = ['tell:one', 'hold:it', ...(plugins ? (['output:done'] as const) : []), 'exit:5']
    const { handle, kept } = await bench.start(steps, plugins ? { plugin } : {})
    await says(handle, 'one')
    bench.restart()
    subject.release('it')
    const first = await bench.recover(handle, kept)
    const exit = await first.exited
    t.match(exit, { by: 'status', code: 5 })
    bench.restart()
    const second = await bench.recover(handle, kept)
    t.same(await second.exited, exit, 'whoever asks gets the same answer')
    t.equal(await logOf(second), 'one\n')
    t.equal(Buffer.from(value(await second.output(10)) ?? []).toString(), plugins ? 'done' : '')
    value(await second.keep())
  })

  await test('a job that was kept is found without its slot', async (t, bench) => {
    const { plugins } = value(await bench.backend.health(never))
    const steps: Step[] = ['say:one', ...(plugins ? (['output:done'] as const) : []), 'exit:5']
    const { handle, kept } = await bench.start(steps, plugins ? { plugin } : {})
    const exit = await handle.exited
    value(await handle.keep())
    value(await handle.keep())
    value(await bench.backend.close(bench.slot.ref))
    bench.restart()
    const next = await bench.recover(handle, kept)
    t.same(await next.exited, exit)
    t.equal(next.slot, undefined)
    t.equal(await logOf(next), 'one')
    t.equal(Buffer.from(value(await next.output(10)) ?? []).toString(), plugins ? 'done' : '')
    value(await next.keep())
    value(await next.discard())
  })

  await test('two runners may have the same job for a while', async (t, bench, subject) => {
    const { handle, kept } = await bench.start(['say:one', 'hold:it', 'say:two', 'exit:3'])
    const [a, b] = await Promise.all([bench.recover(handle, kept), bench.recover(handle, kept)])
    subject.release('it')
    t.match(await a.exited, { by: 'status', code: 3 })
    t.match(await b.exited, { by: 'status', code: 3 })
    t.match(await handle.exited, { by: 'status', code: 3 })
    t.equal(await logOf(b), 'onetwo')
    value(await a.keep())
    value(await b.keep())
    value(await handle.keep())
    t.equal(await logOf(handle), 'onetwo')
  })

  await test('a job that is detached runs on, and nothing more is heard of it', async (t, bench, subject) => {
    const { handle, kept } = await bench.start(['tell:one', 'hold:it', 'say:two'])
    await says(handle, 'one')
    const reading = logOf(handle)
    handle.detach()
    handle.detach()
    t.equal(await reading, 'one\n', 'its log ends for the reader')
    subject.release('it')
    const next = await bench.recover(handle, kept)
    t.match(await next.exited, { by: 'status', code: 0 })
    t.equal(await logOf(next), 'one\ntwo')
    t.equal(await isSettled(handle.exited), false)
  })

  await test('of a job whose slot was closed nothing is left', async (t, bench) => {
    const { handle, kept } = await bench.start(['tell:one', 'hold:it'])
    await says(handle, 'one')
    bench.restart()
    value(await bench.backend.close(bench.slot.ref))
    const lost = await bench.backend.recover(handle.state, kept, never)
    t.equal(!lost.ok && lost.failure.reason, 'lost')
  })

  await test('a state that another backend or a newer release has written is left alone', async (t, bench, subject) => {
    const { handle, kept } = await bench.start(['say:one', 'hold:it', 'exit:3'])
    const newer = { ...handle.state, version: handle.state.version + 1 }
    const refused = await bench.backend.recover(newer, kept, never)
    t.match(refused, { ok: false, failure: { reason: 'state-unknown', retry: 'never' } })
    const foreign = { backend: 'another', version: 1, data: {} }
    const unknown = await bench.backend.recover(foreign, kept, never)
    t.match(unknown, { ok: false, failure: { reason: 'state-unknown', retry: 'never' } })
    subject.release('it')
    t.match(await handle.exited, { by: 'status', code: 3 })
  })
}

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const settle = () => {
    settled = true
  }
  void promise.then(settle, settle)
  await setImmediate()
  return settled
}
