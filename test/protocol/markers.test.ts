import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  longestMarker,
  type Markers,
  ShownLog,
  scanMarkers,
  withoutMarkers,
} from '../../src/protocol/markers.ts'
import { runs } from '../support/tier.ts'

/** Looks for markers as a server does: chunk after chunk, and remembers only its position. */
function inPieces(log: Buffer, cuts: readonly number[]): Omit<Markers, 'scanned'> {
  const all: Omit<Markers, 'scanned'> = { comments: [] }
  let scanned = 0
  for (const end of [...[...cuts].sort((a, b) => a - b), log.length]) {
    const found = scanMarkers(log.subarray(scanned, end))
    all.comments.push(...found.comments)
    if (found.status_line !== undefined) all.status_line = found.status_line
    scanned += found.scanned
  }
  return all
}

const piece = fc.oneof(
  fc.constantFrom(
    '##[start: comment]',
    '##[end: comment]',
    '##[start: status]',
    '##[end: status]',
    '##[start: ',
    '#',
    '\n',
    '2026-11-21 15:03:11.123 DEBUG [base_task.py:111] - ',
    '2026-11-21 15:03:12.000 DEBUG [base_task.py:111] - ',
    'I0727 12:00:00.000000       1 logger.go:7] ',
  ),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
)

t.test('markers are the same however the log is cut', async () => {
  const log = fc.array(piece, { maxLength: 20 }).map(pieces => Buffer.from(pieces.join('')))
  fc.assert(
    fc.property(log, fc.array(fc.nat(1000)), (log, cuts) => {
      const { scanned, ...whole } = scanMarkers(log)
      assert.ok(scanned <= log.length)
      assert.deepEqual(
        inPieces(
          log,
          cuts.filter(cut => cut < log.length),
        ),
        whole,
      )
    }),
    { numRuns: runs(2500) },
  )
})

const python = '2026-11-21 15:03:11.123 DEBUG [base_task.py:111] - '
const later = '2026-11-21 15:03:11.124 DEBUG [base_task.py:111] - '
const go = 'I1121 15:03:11.123456       1 logger.go:7] '

const logs: [title: string, log: string, comments: string[], status?: string][] = [
  ['the Python SDK', `${python}##[start: comment]one\ntwo##[end: comment]\n${python}x\n`, ['one\ntwo']],
  ['the Go SDK', `${go}##[start: status]50 %##[end: status]\n`, [], '50 %'],
  [
    'a logger with a prefix before each line',
    `${python}##[start: comment]one\n${later}two\n${later}##[end: comment]\n`,
    ['one\ntwo'],
  ],
  ['an empty comment', '##[start: comment]##[end: comment]', ['']],
  [
    'the last status line wins',
    '##[start: status]a##[end: status]##[start: status]b##[end: status]',
    [],
    'b',
  ],
  ['a start that is started anew', '##[start: comment]a\n##[start: comment]b##[end: comment]', ['b']],
  ['an end alone', '##[end: comment]##[start: comment]a##[end: comment]', ['a']],
  ['another kind of marker', '##[start: other]a##[end: other]', []],
  ['line ends of Windows', '##[start: comment]a\r\nb##[end: comment]', ['a\nb']],
]
for (const [title, log, comments, status] of logs)
  t.test(`markers: ${title}`, async t => {
    const found = scanMarkers(Buffer.from(log))
    t.same(found.comments, comments)
    t.equal(found.status_line, status)
    t.same(inPieces(Buffer.from(log), [...Array(log.length).keys()]), {
      comments,
      ...(status === undefined ? {} : { status_line: status }),
    })
  })

t.test('a marker without an end is text after 64 KiB, and those behind it are found', async t => {
  const open = Buffer.from(`##[start: comment]${'x'.repeat(longestMarker - 1)}`)
  t.same(scanMarkers(open), { comments: [], scanned: 0 })
  const log = Buffer.concat([open, Buffer.from('x##[end: comment]\n##[start: comment]y##[end: comment]')])
  t.same(scanMarkers(log).comments, ['y'])
})

t.test('a line of nothing but markers takes no longer than its length', async t => {
  const secondsFor = (length: number) => {
    const log = Buffer.from('##[start: comment]a##[end: comment]'.repeat(length / 35))
    const before = process.cpuUsage()
    scanMarkers(log)
    return process.cpuUsage(before).user / 1e6
  }
  secondsFor(1e6)
  const [short, long] = [secondsFor(1e6), secondsFor(16e6)]
  t.ok(long < Math.max(short, 0.05) * 60, `16 MB took ${long} s, and 1 MB ${short} s`)
})

t.test('what is left to search again is short', async () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.nat(3), (pieces, repeats) => {
      const log = Buffer.from(pieces.join('').repeat(1 + repeats * 10))
      assert.ok(log.length - scanMarkers(log).scanned < longestMarker + 1024)
    }),
  )
})

t.test('people read comments and status lines without their markers', async t => {
  t.equal(
    withoutMarkers(`${python}##[start: comment]a\nb##[end: comment]\n##[start: status]c##[end: status]`),
    `${python}comment: a\nb\nstatus: c`,
  )
})

t.test('people read the same of a log that comes in pieces', async () => {
  const log = fc.array(piece, { maxLength: 20 }).map(pieces => Buffer.from(pieces.join('')))
  fc.assert(
    fc.property(log, fc.array(fc.nat(300)), (log, cuts) => {
      const shown = new ShownLog()
      const at = [0, ...cuts.filter(cut => cut < log.length).sort((a, b) => a - b), log.length]
      const said = at.slice(1).map((end, i) => shown.push(log.subarray(at[i], end)))
      assert.equal(said.join('') + shown.end(), withoutMarkers(log.toString()))
    }),
    { numRuns: runs(3000) },
  )
})
