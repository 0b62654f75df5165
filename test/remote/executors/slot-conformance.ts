import type { BenchTest } from './conformance.ts'
import { logOf, never, says, value } from './subject.ts'

export async function slotConformance(test: BenchTest): Promise<void> {
  await test('a slot takes one job after the other, and they share nothing', async (t, bench) => {
    const { slot } = bench
    if (value(await bench.backend.health(never)).once !== undefined)
      return t.comment('its slots take one job each')
    const first = await bench.start(['say:one', 'exit:1'])
    await first.handle.exited
    value(await first.handle.keep())
    t.equal(slot.reusable, true)
    t.equal(await slot.clean(), 'clean')
    t.equal(slot.alive, true)
    const second = await bench.start(['say:two', 'exit:2'])
    t.match(await second.handle.exited, { by: 'status', code: 2 })
    t.equal(await logOf(second.handle), 'two')
    t.equal(await logOf(first.handle), 'one')
    t.match(await first.handle.exited, { by: 'status', code: 1 })
  })

  await test('a slot for one job says so', async (t, bench) => {
    const slot = await bench.openSlot(true)
    t.equal(slot.reusable, false)
  })

  await test('a list has each slot, also for the next runner', async (t, bench) => {
    const other = await bench.openSlot()
    bench.restart()
    const ids = async () => value(await bench.backend.list()).map(({ id }) => id)
    t.same((await ids()).sort(), [bench.slot.ref.id, other.ref.id].sort())
    value(await bench.backend.close(other.ref))
    t.same(await ids(), [bench.slot.ref.id])
  })

  await test('closing a slot twice is fine, and one that never was too', async (t, bench) => {
    const { ref } = bench.slot
    value(await bench.backend.close(ref))
    value(await bench.backend.close(ref))
    value(await bench.backend.close({ id: 'f'.repeat(32), key: '' }))
    t.same(value(await bench.backend.list()), [])
    t.equal(bench.slot.alive, false)
    const placed = await bench.slot.place(bench.job(['say:no']), bench.subject.spoolDir())
    t.equal(placed.ok && (await placed.value.start()).ok, false)
  })

  await test('what is left of a slot that was never ready is listed and closed', async (t, bench, subject) => {
    const id = await subject.makeBare()
    const refs = value(await bench.backend.list())
    t.ok(refs.some(ref => ref.id === id))
    value(await bench.backend.close({ id, key: '' }))
    t.same(
      value(await bench.backend.list()).map(ref => ref.id),
      [bench.slot.ref.id],
    )
  })

  await test('closing a slot ends its job', async (t, bench) => {
    const { handle } = await bench.start(['ignore', 'tell:one', 'hold:it'])
    await says(handle, 'one')
    value(await bench.backend.close(bench.slot.ref))
    const exit = await handle.exited
    t.match(exit, { by: 'lost' })
    t.ok(exit.at >= exit.startedAt)
  })

  await test('a slot that is killed takes no job, and its job is lost', async (t, bench, subject) => {
    if (subject.killSlot === undefined) return t.comment('its slots cannot be killed')
    const { handle } = await bench.start(['tell:one', 'hold:it'])
    await says(handle, 'one')
    await subject.killSlot(bench.slot)
    t.match(await handle.exited, { by: 'lost' })
    value(await handle.keep())
    t.equal(await logOf(handle), 'one\n', 'what it wrote is kept')
    t.equal(bench.slot.alive, false)
    t.equal(await bench.slot.clean(), 'spoiled')
    const placed = await bench.slot.place(bench.job(['say:no']), subject.spoolDir())
    t.equal(placed.ok && (await placed.value.start()).ok, false)
  })

  await test('a slot that is killed before the start never starts its job', async (t, bench, subject) => {
    if (subject.killSlot === undefined) return t.comment('its slots cannot be killed')
    const { placed, kept } = await bench.place(['say:one'])
    await subject.killSlot(bench.slot)
    const started = await placed.start()
    const handle = started.ok ? started.value : await bench.recover(placed, kept)
    t.equal(await handle.started, 'never')
  })

  await test('a caller that waits no more for an image ends its own wait only', async (t, bench) => {
    const { backend, subject } = bench
    const stopped = backend.prepare({ image: subject.image }, () => {}, AbortSignal.abort())
    const other = backend.prepare({ image: subject.image }, () => {}, never)
    await stopped
    t.not(value(await other).key, '')
  })
}
