import { hash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { LogFile } from '../../src/process/log-file.ts'

const never = (error: unknown) => {
  throw error
}

t.test(
  'a log is all of the output, or its head and tail with the number of bytes between them, and what comes late',
  async t => {
    const dir = t.testdir()
    let made = 0
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 200 }),
        (chunks, limit) => {
          const path = join(dir, String(made++))
          const log = new LogFile(path, limit, never)
          for (const chunk of chunks) log.write(chunk)
          const whole = Buffer.concat(chunks)
          const fact = log.settle()
          log.write(Buffer.from('late'))
          const late = log.close()
          const kept = readFileSync(path)
          const half = Math.max(1, Math.floor(limit / 2))
          const leftOut = Math.max(0, whole.length - 2 * half)
          const notice = `\n[runner: ${leftOut} of ${whole.length} bytes are left out here (log_limit)]\n`
          const headAndTail = [
            whole.subarray(0, half),
            Buffer.from(notice),
            whole.subarray(whole.length - half),
          ]
          const expected = leftOut === 0 ? whole : Buffer.concat(headAndTail)
          const room = Buffer.from('late').subarray(0, 2 * half)
          return (
            kept.equals(Buffer.concat([expected, room])) &&
            late === 4 &&
            fact.size === expected.length &&
            fact.sha256 === hash('sha256', expected, 'hex') &&
            fact.lines === whole.filter(byte => byte === 10).length &&
            fact.bytes === whole.length &&
            fact.left_out === leftOut &&
            fact.file === path
          )
        },
      ),
      { numRuns: 300 },
    )
    t.equal(statSync(join(dir, '0')).mode & 0o777, 0o600)
  },
)

t.test('the last lines are whole lines without control characters, whatever the chunks are', async t => {
  const log = new LogFile(undefined, 100, never)
  t.same(log.lastLines(3), [])
  const chunks = ['a\nb', 'b\nc\x1b[1;31mc\x07\n', 'd\r\n', 'half']
  for (const chunk of chunks) log.write(Buffer.from(chunk))
  t.same(log.lastLines(3), ['cc', 'd', 'half'])
  t.same(log.lastLines(99), ['a', 'bb', 'cc', 'd', 'half'])
  t.same(
    log.settle(),
    { bytes: chunks.join('').length, lines: 4, left_out: 0 },
    'and without a file nothing is left out of it',
  )
})

t.test('of a long output only whole lines are shown, of one long line its end', async t => {
  const long = new LogFile(undefined, 100, never)
  for (let number = 0; number < 5000; number++) long.write(Buffer.from(`line ${number}\n`))
  t.same(long.lastLines(2), ['line 4998', 'line 4999'])
  t.match(long.lastLines(1e6)[0], /^line \d+$/)
  const one = new LogFile(undefined, 100, never)
  one.write(Buffer.alloc(100_000, 'x'))
  t.equal(one.lastLines(5).length, 1)
})

t.test('a file that cannot be written is told of once and costs nothing but itself', async t => {
  let told = 0
  for (const path of [join(t.testdir(), 'no', 'such'), '/dev/full']) {
    const log = new LogFile(path, 100, () => told++)
    for (let time = 0; time < 3; time++) log.write(Buffer.from('a\n'))
    t.same(log.settle(), { bytes: 6, lines: 3, left_out: 0 })
    t.same(log.lastLines(1), ['a'])
    log.close()
    log.close()
  }
  t.equal(told, 2)
})
