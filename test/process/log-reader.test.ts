import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { LogFile } from '../../src/process/log-file.ts'
import { LogReader } from '../../src/process/log-reader.ts'
import { rigTest } from '../support/rig.ts'
import { runs } from '../support/tier.ts'

const never = (error: unknown) => {
  throw error
}

/** Bytes of which no two stretches are alike. */
const whole = Buffer.alloc(1_200_000)
for (let at = 0; at < whole.length; at += 4) whole.writeUInt32LE(at, at)

t.test('whenever it is read, a log is read once and in order, and what is left out is counted', async t => {
  const dir = t.testdir()
  let made = 0
  fc.assert(
    fc.property(
      fc.array(fc.record({ size: fc.integer({ min: 1, max: 65536 }), read: fc.boolean() }), {
        minLength: 1,
        maxLength: 16,
      }),
      fc.integer({ min: 0, max: 200_000 }),
      fc.record({ joined: fc.boolean(), late: fc.integer({ min: 0, max: 20 }) }),
      (chunks, limit, { joined, late }) => {
        const path = join(dir, String(made++))
        const log = new LogFile(path, limit, never)
        const reader = new LogReader(path)
        let at = 0
        let right = true
        const read = (fact?: Parameters<LogReader['read']>[0]) => {
          for (const piece of reader.read(fact)) {
            if (typeof piece !== 'number') right &&= whole.subarray(at, at + piece.length).equals(piece)
            at += typeof piece === 'number' ? piece : piece.length
          }
        }
        let written = 0
        const write = (size: number) => {
          log.write(whole.subarray(written, written + size))
          written += size
        }
        write(1)
        read()
        for (const { size, read: now } of chunks) {
          write(size)
          if (now) {
            read()
            right &&= at === written
          }
        }
        const fact = log.settle()
        // It has been joined, which is not on record yet.
        if (joined) read()
        read(fact)
        right &&= at === written
        const room = Math.min(late, 2 * Math.max(1, Math.floor(limit / 2)))
        write(late)
        read(fact)
        log.close()
        return right && at === written - late + room && readdirSync(dir).length === made
      },
    ),
    { numRuns: runs(200) },
  )
})

rigTest(
  t,
  'logs -f shows a log that grows beyond log_limit in order, and says what it has missed',
  {
    runner: { log_limit: 1000 },
    tasks: {
      a: 'echo "the head"; read x < "$DIR/hold"; seq -f "%07g" 60000; echo all; read x < "$DIR/hold"; seq 7; echo "the end"',
    },
  },
  async (t, rig) => {
    const hold = rig.hold('hold')
    const run = rig.run()
    await run.output('the head')
    const follow = rig.start(['logs', '-f'])
    await follow.says('the head')
    hold.release()
    await run.output('all\n')
    await follow.says('all\n')
    const late = rig.start(['logs'])
    await late.ended
    const json = rig.start(['logs', '--json'])
    await json.ended
    const told = json.text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line))
    const missing = told.reduce((sum, { left_out = 0 }) => sum + left_out, 0)
    t.ok(missing > 0)
    t.equal(told.map(({ text }) => text).join('').length + missing, 9 + 60000 * 8 + 4)
    hold.release()
    t.equal(await run.ended, 0)
    t.equal(await follow.ended, 0)
    for (const text of [follow.text, late.text]) {
      t.match(text, /^==> a, try 1 <==\nthe head\n0000001\n/)
      const numbers = [...text.matchAll(/^0\d{6}$/gm)].map(([line]) => Number(line))
      t.same(
        numbers,
        [...new Set(numbers)].sort((a, b) => a - b),
      )
      t.equal(numbers.at(-1), 60000)
      t.match(text, /\n\[runner: \d+ bytes are left out here \(log_limit\)\]\n/)
    }
    t.match(follow.text, /\n0060000\nall\n1\n2\n3\n4\n5\n6\n7\nthe end\n$/)
    const kept = Buffer.byteLength(follow.text) - Buffer.byteLength('==> a, try 1 <==\n')
    const notices = [...follow.text.matchAll(/\n\[runner: (\d+) bytes[^\]]*\]\n/g)]
    const missed = notices.reduce((sum, [notice, bytes]) => sum + Number(bytes) - notice.length, 0)
    t.equal(kept + missed, run.all('try:ended')[0]?.log.bytes)
    t.same(readdirSync(rig.path('state/runs/1')), ['001-a.1.log', 'events.jsonl'])
  },
)

rigTest(
  t,
  'what a crash leaves of a long log is shown in order',
  {
    runner: { log_limit: 1000 },
    tasks: { a: '[ -e "$DIR/go" ] && exit; seq -f "%07g" 60000; echo all; read x < "$DIR/hold"' },
  },
  async (t, rig) => {
    rig.hold('hold')
    const run = rig.run()
    await run.output('all\n')
    run.child.kill('SIGKILL')
    await run.ended
    const logs = rig.start(['logs'])
    t.equal(await logs.ended, 0)
    t.match(
      logs.text,
      /^==> a, try 1 <==\n0000001\n(\d+\n)+\d*\n\[runner: \d+ bytes are left out here \(log_limit\)\]\n\d*\n(\d+\n)+0060000\nall\n$/,
    )
    rig.file('go', '')
    t.equal((await rig.finish('--resume')).status, 0)
  },
)
