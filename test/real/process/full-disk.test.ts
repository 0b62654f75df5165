import t from 'tap'
import { mounts } from '../../support/mounts.ts'
import { rigTest } from '../../support/rig.ts'

/** A command that ends in the program, with a small file system for its state. */
const onTmpfs = (options: string) => [
  'unshare',
  '-m',
  'sh',
  '-c',
  `mkdir -p "$DIR/state" && mount -t tmpfs -o mode=700,${options} none "$DIR/state" && exec "$@"`,
  'sh',
]

rigTest(
  t,
  'a full disk costs the record, not the task: all output is shown, and the loss is told once',
  {
    runner: { min_free: 0 },
    tasks: {
      '1-a': 'seq 1 400000; echo done-a',
      '2-b': 'seq 1 400000; echo done-b',
      '3-c': 'df "$DIR/state" >&2; echo x > /dev/stderr',
    },
    needs: [mounts],
  },
  async (t, rig) => {
    const run = rig.start(['run', '--json'], { before: onTmpfs('size=1m') })
    t.equal(await run.ended, 0)
    t.same(run.outcomes(), ['OK', 'OK', 'OK'])
    const notices = run.all('notice').map(({ reason, message }) => `${reason}: ${message}`)
    t.match(notices.sort()[0], /^log-lost: output is shown, but no longer kept .*no space left/i)
    t.ok(notices.length <= 2, 'each loss is told once')
    t.match(run.taskOutput('1-a'), /^1\n2\n[\s\S]*\n400000\ndone-a\n$/)
    const [first] = run.all('try:ended')
    t.match(first, { log: { bytes: 2_688_902, left_out: 0 } })
    t.notOk(first!.log.file, 'a log that is not whole is not named')
    t.match(run.taskOutput('3-c'), /\nx\n$/)
  },
)

rigTest(
  t,
  'a disk without room for another file costs the record, not the task',
  {
    runner: { retry_from: 'failed', min_free: 0 },
    tasks: { '1-a': 'echo a; [ "$RUNNER_TRY" = 2 ]', '2-b': 'echo b' },
    needs: [mounts],
  },
  async (t, rig) => {
    // The root, runs/, runs/1/: none is left for the FIFOs and the logs.
    for (const inodes of [3, 4, 5]) {
      const run = rig.start(['run', '--json'], { before: onTmpfs(`size=1m,nr_inodes=${inodes}`) })
      t.equal(await run.ended, 0, `${inodes} inodes`)
      t.same(run.outcomes(), ['RETRY', 'OK', 'OK'])
      t.equal(run.taskOutput(), 'a\na\nb\n')
      t.ok(run.all('notice').length > 0, 'it says so')
      t.same([...new Set(run.all('notice').map(({ reason }) => reason))].length, run.all('notice').length)
    }
  },
)
