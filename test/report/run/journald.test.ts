import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import t from 'tap'
import { isJournal } from '../../../src/report/run/journald.ts'
import { type Rig, rigTest } from '../../support/rig.ts'

/** Starts the program with a file for its standard output that it is told is the journal. */
async function runInJournal(rig: Rig, logger: string, args: string[] = []) {
  mkdirSync(rig.path('bin'))
  rig.file('bin/logger', `#!/bin/sh\n${logger}\n`, 0o755)
  const fd = openSync(rig.path('out'), 'a')
  const { dev, ino } = fstatSync(fd)
  const env = { PATH: `${rig.path('bin')}:${process.env.PATH}`, JOURNAL_STREAM: `${dev}:${ino}` }
  try {
    const status = await rig.start(['run', ...args], { env, stdio: ['ignore', fd, 'pipe'] }).ended
    return { status, out: readFileSync(rig.path('out'), 'utf8') }
  } finally {
    closeSync(fd)
  }
}

/** One file for entries and output, so that their order shows. */
const keep = 'test "$*" = --journald && { echo "<<<"; cat; echo ">>>"; } >> "$DIR/out"'

rigTest(
  t,
  'events are entries with priority and fields, and output stays plain lines, in their order',
  { tasks: { '10-first.sh': 'echo from first', '2-last': 'printf "no line feed"; exit 2' } },
  async (t, rig) => {
    const { status, out } = await runInJournal(rig, keep)
    t.equal(status, 2)
    const parts = out.split(/^<<<\n([^>]*)>>>\n/m)
    const [, started, , first, output, ok, , last, partial, halt] = parts
    t.match(started, /^MESSAGE=run 1: 2 tasks in .*\nPRIORITY=6\nSYSLOG_IDENTIFIER=runner\nOBJECT_PID=\d+\n/)
    t.match(
      first,
      'MESSAGE=10-first.sh: started (try 1 of 5)\nPRIORITY=6\nSYSLOG_IDENTIFIER=runner\nOBJECT_PID=',
    )
    t.match(
      first,
      'RUNNER_EVENT=try:started\nRUNNER_RUN_ID=1\nRUNNER_TASK=first\nRUNNER_TASK_FILE=10-first.sh\nRUNNER_TRY=1',
    )
    t.equal(output, 'from first\n')
    t.match(ok, 'MESSAGE=10-first.sh: OK')
    t.match(last, 'RUNNER_TASK=last\nRUNNER_TASK_FILE=2-last\n')
    t.equal(partial, 'no line feed\n')
    t.match(halt, /MESSAGE=2-last: HALT.*\nPRIORITY=4/)
    t.match(parts.at(-2), /MESSAGE=run 1 was halted by 2-last[^\n]*\nMESSAGE= {2}\| no line feed\nPRIORITY=3/)
    t.equal(parts.at(-1), '')
  },
)

rigTest(
  t,
  '--syslog tells the journal nothing twice, and --json is for standard output alone',
  { tasks: { a: '' } },
  async (t, rig) => {
    const { out } = await runInJournal(rig, keep, ['--syslog'])
    t.equal(out.match(/MESSAGE=a: OK/g)?.length, 1)
    const fd = openSync(rig.path('json'), 'a')
    const { dev, ino } = fstatSync(fd)
    const env = { JOURNAL_STREAM: `${dev}:${ino}` }
    t.equal(await rig.start(['run', '--json'], { env, stdio: ['ignore', fd, 'pipe'] }).ended, 0)
    closeSync(fd)
    t.match(rig.lines('json')[0], /^\{"at":/)
  },
)

rigTest(
  t,
  'where logger fails, events become plain lines, and none is lost',
  { tasks: { a: 'echo from a' } },
  async (t, rig) => {
    const { status, out } = await runInJournal(rig, 'exit 1')
    t.equal(status, 0)
    t.match(
      out,
      'runner: nothing goes to the journal: logger(1) ended with status 1\nrunner: run 1: 1 task in',
    )
    t.match(out, /runner: a: started.*\nfrom a\nrunner: a: OK/)
    t.equal(out.match(/nothing goes/g)?.length, 1)
  },
)

t.test('only the file that systemd has named is the journal', async t => {
  t.notOk(isJournal(1, {}))
  t.notOk(isJournal(1, { JOURNAL_STREAM: '1:1' }))
  t.notOk(isJournal(9999, { JOURNAL_STREAM: '1:1' }))
})
