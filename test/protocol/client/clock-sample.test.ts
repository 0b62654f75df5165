import fc from 'fast-check'
import t from 'tap'
import { readReport, readSent, reportOf, sampleOf } from '../../../src/protocol/client/clock-sample.ts'

const now = 1_800_000_000_000

t.test('the offset is right to within half of the round trip, however long the server waits', async t => {
  const delay = fc.integer({ min: 0, max: 5000 })
  const call = fc.record({ there: delay, back: delay, wait: fc.integer({ min: 0, max: 50_000 }) })
  fc.assert(
    fc.property(call, fc.integer({ min: -1e12, max: 1e12 }), ({ there, back, wait }, offset) => {
      const came = now - offset + there
      const headers = { 'runner-time': `${came},${came + wait}` }
      const sample = sampleOf(headers, now, there + wait + back)!
      t.equal(sample.round_trip, there + back)
      return Math.abs(sample.offset - offset) <= sample.round_trip / 2
    }),
  )
})

t.test('a server of before is known by its Date header, to the second', async t => {
  const date = new Date(now - 3_600_400)
  const sample = sampleOf({ date: date.toUTCString() }, now, 100)!
  t.ok(Math.abs(sample.offset - 3_600_400) <= sample.round_trip / 2)
  t.ok(sample.round_trip >= 1000)
})

t.test('what cannot be so is not taken', async t => {
  const odd = [
    '',
    'x',
    '1',
    '1,',
    ',1',

    '1e3,2e3',
    'NaN,NaN',
    'Infinity,Infinity',
    '0x1,0x2',
    ' 1,2',
    '1,2,3',
  ]
  const huge = ['9'.repeat(17), '9'.repeat(16)].map(one => `${one},${one}`)
  for (const text of [...odd, ...huge, `${now + 1},${now}`, `${now},${now + 5000}`])
    t.equal(
      sampleOf({ 'runner-time': text, date: 'Thu, 01 Jan 1970 00:00:00 GMT' }, now, 100),
      undefined,
      text,
    )
  t.equal(sampleOf({ 'runner-time': [`${now},${now}`, `${now},${now}`] }, now, 100), undefined)
  t.equal(sampleOf({}, now, 100), undefined)
  t.equal(sampleOf({ date: 'yesterday' }, now, 100), undefined)
  for (const text of [...odd, '1,-1', `${'9'.repeat(16)},1`, undefined, ['1,1']])
    t.equal(readReport(text), undefined, String(text))
  for (const text of ['', '-1', '1.5', '1e3', '9'.repeat(16), undefined]) t.equal(readSent(text), undefined)
  t.equal(readSent(String(now)), now)
  t.same(readReport(reportOf({ offset: -3_600_400.6, round_trip: 1.4 })), {
    offset: -3_600_401,
    round_trip: 1,
  })
})
