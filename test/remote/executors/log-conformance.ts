import { setImmediate } from 'node:timers/promises'
import type { BenchTest } from './conformance.ts'
import { logOf, never, says, value } from './subject.ts'

/** Longer than one piece of any backend, and without a newline at its end. */
const large = 3_000_001

export async function logConformance(test: BenchTest): Promise<void> {
  await test('a log is read from any offset, and ends with the last byte', async (t, bench) => {
    const { handle } = await bench.start(['say:0123456789'])
    const texts = await Promise.all([0, 3, 9, 10, 11, 1000].map(from => logOf(handle, from)))
    t.same(texts, ['0123456789', '3456789', '9', '', '', ''])
    t.match(await handle.exited, { by: 'status', code: 0 })
    t.equal(await handle.logLength(), 10)
    t.equal(await logOf(handle, 5), '56789', 'after the end')
  })

  await test('a log comes while the job runs', async (t, bench, subject) => {
    const isByLine = value(await bench.backend.health(never)).logComes === 'by-line'
    const [verb, end] = isByLine ? (['tell', '\n'] as const) : (['say', ''] as const)
    const { handle } = await bench.start([
      `${verb}:one`,
      'hold:first',
      `${verb}:two`,
      'hold:second',
      `${verb}:three`,
    ])
    let text = ''
    for await (const bytes of handle.log(0, never)) {
      text += Buffer.from(bytes).toString()
      if (text === `one${end}`) subject.release('first')
      if (text === `one${end}two${end}`) subject.release('second')
    }
    t.equal(text, `one${end}two${end}three${end}`)
  })

  await test('whoever reads a log can stop while the job runs on', async (t, bench, subject) => {
    const { handle } = await bench.start(['tell:one', 'hold:it', 'say:two'])
    const stop = new AbortController()
    let text = ''
    for await (const bytes of handle.log(0, stop.signal)) {
      text += Buffer.from(bytes).toString()
      stop.abort()
    }
    t.equal(text, 'one\n')
    for await (const _ of handle.log(0, AbortSignal.abort())) t.fail('nothing is read for an aborted signal')
    subject.release('it')
    t.equal(await logOf(handle), 'one\ntwo')
  })

  await test('a long log is whole', async (t, bench) => {
    const { handle } = await bench.start([`fill:${large}`, 'say:end'])
    const text = await logOf(handle)
    t.equal(text.length, large + 3)
    t.equal(text, `${'x'.repeat(large)}end`)
    t.equal(await handle.logLength(), large + 3)
    t.equal(await logOf(handle, large - 1), 'xend')
  })

  await test('the length of a log is that of the whole', async (t, bench, subject) => {
    const { handle } = await bench.start(['tell:one', 'hold:it', 'say:two'])
    await says(handle, 'one')
    let isKnown = false
    const length = handle.logLength().then(known => {
      isKnown = true
      return known
    })
    await setImmediate()
    t.equal(isKnown, false, 'while the job runs it is not known')
    subject.release('it')
    t.equal(await length, 7)
  })

  await test('a log is there until it is discarded', async (t, bench) => {
    const { handle, kept } = await bench.start(['say:one two'])
    await handle.exited
    value(await handle.keep())
    t.equal(await logOf(handle, 4), 'two', 'once it was kept')
    value(await bench.backend.close(bench.slot.ref))
    t.equal(await logOf(handle), 'one two', 'once the slot has gone')
    const files = bench.subject.open().kept(handle.state, kept)
    t.equal(await logOf(files, 4), 'two', 'for a runner that knows no slot')
    t.equal(await files.logLength(), 7)
    value(await files.trim())
    value(await files.trim())
    t.equal(await logOf(files), 'one two', 'once the other files are gone')
    t.equal(await logOf(handle, 1), 'ne two')
    t.equal(await files.logLength(), 7)
    value(await files.discard())
    value(await handle.discard())
    t.equal(await logOf(files), '')
    t.equal(await logOf(handle), '')
  })

  await test('a reader that began before the job was kept reads on', async (t, bench) => {
    const { handle } = await bench.start(['say:0123456789'])
    await handle.exited
    const log = handle.log(0, never)[Symbol.asyncIterator]()
    const first = await log.next()
    value(await handle.keep())
    value(await handle.trim())
    t.equal(Buffer.from(first.value).toString(), '0123456789')
    t.equal((await log.next()).done, true)
  })
}
