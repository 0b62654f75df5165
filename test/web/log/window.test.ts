import fc from 'fast-check'
import t from 'tap'
import { LogWindow, most, type ReadRange } from '../../../src/web/log/window.ts'

/** Reads of a log that grows, and of which a part may not be kept. */
function logOf(text: string | Uint8Array, dropped?: { head: number; tail: number }) {
  const log = { bytes: Buffer.from(text), reads: 0 }
  const read: ReadRange = async (from, count) => {
    log.reads++
    const { bytes } = log
    const isKept = dropped === undefined || from < dropped.head || from >= dropped.tail
    const offset = isKept ? from : dropped.tail
    const end = dropped !== undefined && offset < dropped.head ? dropped.head : bytes.length
    return {
      offset,
      bytes: bytes.subarray(offset, Math.max(offset, Math.min(end, offset + count))),
      length: bytes.length,
      head: dropped?.head ?? null,
    }
  }
  return { log, window: new LogWindow(read) }
}

const textOf = (window: LogWindow) =>
  window.lines.map(({ segments }) => segments.map(({ text }) => text).join('')).join('\n')
const numbered = (count: number, from = 1) =>
  Array.from({ length: count }, (_, index) => `line ${index + from}\n`).join('')

t.test('a short log is shown whole, with the numbers of its lines', async t => {
  const { window } = logOf('one\ntwo\r\nthree\rfour')
  await window.open('end')
  t.equal(textOf(window), 'one\ntwo\nthree\nfour')
  t.strictSame(
    window.lines.map(({ number, at }) => [number, at]),
    [
      [1, 0],
      [2, 4],
      [3, 9],
      [4, 15],
    ],
  )
  t.ok(window.isAtEnd)
  t.notOk(await window.before())
  t.notOk(await window.after())
})

t.test('what comes at the end is added, and a line that grows is one line', async t => {
  const { log, window } = logOf('one\ntw')
  await window.open('end')
  t.equal(textOf(window), 'one\ntw')
  log.bytes = Buffer.from('one\ntwo\nth')
  t.ok(await window.after())
  t.equal(textOf(window), 'one\ntwo\nth')
  t.strictSame(
    window.lines.map(({ number }) => number),
    [1, 2, 3],
  )
  t.notOk(await window.after())
})

t.test('a window stays small however far somebody scrolls, and its lines follow one another', async t => {
  const { window } = logOf(numbered(30_000))
  await window.open(0)
  t.equal(window.lines[0]?.number, 1)
  while (await window.after()) {
    t.ok(window.lines.length <= most.lines)
    t.ok(window.lines.at(-1)!.end - window.start <= most.bytes)
  }
  t.equal(window.lines.at(-1)?.number, 30_000)
  t.equal(textOf(window), numbered(most.lines, 30_001 - most.lines).trimEnd())
  while (await window.before()) t.ok(window.lines.length <= most.lines)
  t.equal(textOf(window), numbered(most.lines).trimEnd())
})

t.test('the middle of a log has no numbers until its beginning is reached', async t => {
  const { window } = logOf(numbered(20_000))
  await window.open(100_000)
  const line = window.lines.find(({ at, end }) => at <= 100_000 && end > 100_000)
  t.ok(line)
  t.equal(line?.number, undefined)
  while (await window.before());
  t.equal(window.lines[0]?.number, 1)
  t.equal(window.lines.at(-1)?.number, window.lines.length)
})

t.test('in place of bytes that were not kept stands how many there were, from both sides', async t => {
  const text = numbered(30_000)
  const dropped = { head: 70_000, tail: 200_000 }
  const { window } = logOf(text, dropped)
  await window.open(199_999)
  t.equal(window.start, 200_000)
  await window.before()
  t.match(window.lines[0], { at: 70_000, end: 200_000, dropped: 130_000 })
  await window.before()
  t.ok(window.start < 70_000)
  await window.open(0)
  const isDropped = () =>
    window.lines.some(({ at, end, dropped }) => at === 70_000 && end === 200_000 && dropped)
  while (!isDropped() && (await window.after()));
  t.ok(isDropped())
  for (const [index, line] of window.lines.entries())
    if (index > 0) t.equal(line.at, window.lines[index - 1]!.end)
})

t.test('a line of a megabyte is shown in parts, and no character is cut', async t => {
  const { window } = logOf('é'.repeat(500_000))
  await window.open('end')
  while (await window.before());
  t.ok(window.lines.length > 50)
  t.notMatch(textOf(window), /\ufffd/)
  t.equal(window.lines[1]?.number, 1)
})

t.test('every window of any bytes is a run of them without a gap', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', '\n', '\r', '\x1b[31m', 'ä', '\xff', 'x'.repeat(5000)), {
        maxLength: 60,
      }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.array(fc.boolean(), { maxLength: 8 }),
      async (parts, place, moves) => {
        const { log, window } = logOf(parts.join(''))
        await window.open(Math.floor(place * log.bytes.length))
        for (const isForward of moves) await (isForward ? window.after() : window.before())
        for (const [index, line] of window.lines.entries())
          if (index > 0 && line.at !== window.lines[index - 1]!.end) return false
        return window.lines.every(line => line.end > line.at) && window.end <= log.bytes.length
      },
    ),
    { numRuns: 200 },
  ),
)
