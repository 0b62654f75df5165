import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { rigTest } from '../support/rig.ts'

rigTest(
  t,
  'writing to /dev/stderr and /dev/stdout by name truncates nothing, and the order is kept',
  {
    tasks: {
      a: 'echo 1\necho 2 >&2\necho 3 > /dev/stderr\necho 4 > /dev/stdout\necho 5 | tee /dev/stderr > /dev/null\n/bin/echo 6 > /proc/self/fd/1\necho 7',
    },
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.equal(run.taskOutput(), '1\n2\n3\n4\n5\n6\n7\n')
    t.equal(rig.log('001-a.1.log').toString(), run.taskOutput())
    t.match(run.all('try:ended'), [{ log: { bytes: 14, left_out: 0 } }])
  },
)

rigTest(
  t,
  'the last line is whole without its newline, and the report begins a new one',
  { tasks: { '1-a': 'printf "half a line"', '2-b': 'printf "" ' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.taskOutput('1-a'), 'half a line')
    t.equal(rig.log('001-1-a.1.log').toString(), 'half a line')
    t.throws(() => rig.log('002-2-b.1.log'), { code: 'ENOENT' }, 'where nothing is written there is no file')
    const plain = rig.start(['run'])
    await plain.ended
    t.match(plain.text, /^half a line\nrunner: 1-a: OK/m)
  },
)

rigTest(
  t,
  'invalid UTF-8 is in the log byte for byte, in JSON as U+FFFD, and a character cut in two is one',
  { tasks: { a: `printf 'a\\377b\\300\\200 \\303'; printf '\\244 \\360\\237'` } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.same(rig.log('001-a.1.log'), Buffer.from('a\xffb\xc0\x80 \xc3\xa4 \xf0\x9f', 'latin1'))
    t.equal(run.taskOutput(), 'a\ufffdb\ufffd\ufffd ä \ufffd')
    t.match(run.all('try:ended'), [{ log: { bytes: 11 } }])
  },
)

rigTest(
  t,
  'a zero byte, an escape sequence and a byte-order mark pass through as they are',
  { tasks: { a: `printf '\\357\\273\\277\\000\\033[31mred\\r\\n'; exit 2` } },
  async (t, rig) => {
    const bytes = '\ufeff\0\x1b[31mred\r\n'
    const run = await rig.finish()
    t.equal(run.taskOutput(), bytes)
    t.equal(rig.log('001-a.1.log').toString(), bytes)
    t.match(
      run.all('run:ended'),
      [{ failure: { last_lines: ['red'] } }],
      'but not into the lines of a report',
    )
  },
)

rigTest(
  t,
  '50 MB of output are whole in the log and on standard output',
  { tasks: { a: 'seq 1 9999999 | head -c 50000000 | tee "$DIR/copy"' } },
  async (t, rig) => {
    const run = rig.start(['run'])
    t.equal(await run.ended, 0)
    const copy = readFileSync(rig.path('copy'))
    t.equal(copy.length, 50_000_000)
    const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
    const log = rig.log('001-a.1.log')
    t.equal(log.length, copy.length)
    t.equal(hash(log), hash(copy))
    const shown = Buffer.concat(run.out)
    const start = shown.indexOf('started (try 1 of 5)\n') + 'started (try 1 of 5)\n'.length
    t.equal(hash(shown.subarray(start, start + copy.length)), hash(copy))
    t.match(
      shown.subarray(start + copy.length).toString(),
      /^\n?runner: a: OK \([^\n]*\)\nrunner: run 1 succeeded[^\n]*\n$/,
    )
  },
)

rigTest(
  t,
  'of 100 MB of output head and tail are kept, and log and report say what is missing',
  { runner: { log_limit: '64M' }, tasks: { a: 'seq 1 99999999 | head -c 100000000 | tee "$DIR/copy"' } },
  async (t, rig) => {
    const run = rig.start(['run', '-v'])
    t.equal(await run.ended, 0)
    const copy = readFileSync(rig.path('copy'))
    const log = rig.log('001-a.1.log')
    const half = 32 * 1024 * 1024
    const leftOut = copy.length - 2 * half
    const notice = `\n[runner: ${leftOut} of 100000000 bytes are left out here (log_limit)]\n`
    t.equal(log.length, 2 * half + notice.length)
    t.ok(log.subarray(0, half).equals(copy.subarray(0, half)), 'the head')
    t.equal(log.subarray(half, half + notice.length).toString(), notice)
    t.ok(log.subarray(half + notice.length).equals(copy.subarray(copy.length - half)), 'the tail')
    const end = Buffer.concat(run.out).subarray(-1000).toString()
    t.match(
      end,
      `${leftOut} of 100000000 bytes of its output are left out of ${rig.path('state/runs/1/001-a.1.log')} (log_limit)`,
    )
  },
)
