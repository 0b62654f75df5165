import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import t from 'tap'
import { readSamples } from '../../../src/report/run/prometheus.ts'
import { makeFifo } from '../../support/fifo.ts'
import { metricsUsed, withoutSamples } from '../../support/monitoring.ts'
import { type Rig, rigTest } from '../../support/rig.ts'

const runner = { metrics_file: 'metrics/runner.prom', retry_from: 'failed', max_tries: 2 }

/** The metrics by name and labels, without the task directory. */
function samples(rig: Rig): Record<string, number> {
  const all = readSamples(rig.lines('metrics/runner.prom').join('\n'))
  return Object.fromEntries(
    all.map(({ metric, labels, value }) => {
      const { task_dir, ...rest } = labels
      if (task_dir !== rig.path('tasks.d')) throw new Error(`task_dir is ${task_dir}`)
      return [[metric, ...Object.values(rest)].join(' '), value]
    }),
  )
}

rigTest(
  t,
  'the metrics say how each task and the run ended, and count runs',
  { tasks: { '1-a': '', '2-b': '[ $RUNNER_TRY = 2 ]', '3-c': 'exit $(cat "$DIR/status")' }, runner },
  async (t, rig) => {
    mkdirSync(rig.path('metrics'))
    rig.file('status', '0')
    t.equal((await rig.finish()).status, 0)
    const first = samples(rig)
    t.match(first, {
      'runner_task_last_result a OK': 1,
      'runner_task_last_result b OK': 1,
      'runner_task_tries a': 1,
      'runner_task_tries b': 2,
      'runner_runs_total succeeded': 1,
      'runner_last_run_result succeeded': 1,
    })
    const told = rig.lines('metrics/runner.prom').join('\n')
    t.same(withoutSamples(metricsUsed('chain'), told), [], 'it tells what deploy/monitoring looks at')
    t.ok(Math.abs(first.runner_last_run_end_timestamp_seconds! - Date.now() / 1000) < 60)
    rig.file('status', '2')
    t.equal((await rig.finish()).status, 2)
    const second = samples(rig)
    t.match(second, {
      'runner_task_last_result c HALT': 1,
      'runner_runs_total succeeded': 1,
      'runner_runs_total halted': 1,
      'runner_last_run_result halted': 1,
    })
    t.notHas(second, 'runner_task_last_result c OK')
    t.notHas(second, 'runner_last_run_result succeeded')
    rig.task('2-b', 'exit 3')
    await rig.finish('--only', 'b')
    t.notHas(samples(rig), 'runner_task_tries a', 'what is not in the plan is dropped')
    t.same(readdirSync(rig.path('metrics')), ['runner.prom'])
    t.equal(statSync(rig.path('metrics/runner.prom')).mode & 0o777, 0o644)
  },
)

rigTest(
  t,
  'a run that was killed shows by its start, and is counted by the next',
  { tasks: { '1-a': '[ -e "$DIR/go" ] || kill -9 $PPID' }, runner },
  async (t, rig) => {
    mkdirSync(rig.path('metrics'))
    rig.file('go', '')
    await rig.finish()
    rmSync(rig.path('go'))
    t.equal(await rig.start(['run', '--json']).ended, 'SIGKILL')
    rig.file('go', '')
    const next = await rig.finish('--resume')
    t.equal(next.all('run:started')[0]?.after_crash_of, 2)
    const now = samples(rig)
    t.match(now, { 'runner_runs_total succeeded': 2, 'runner_runs_total crashed': 1 })
    t.ok(now.runner_last_run_start_timestamp_seconds! <= now.runner_last_run_end_timestamp_seconds!)
    await rig.finish()
    t.match(samples(rig), { 'runner_runs_total succeeded': 3, 'runner_runs_total crashed': 1 })
  },
)

rigTest(
  t,
  'tries that a run had had before it was killed count on when it is gone on with',
  {
    tasks: {
      '1-a': '[ "$RUNNER_TRY" = 2 ]',
      '2-b': 'echo >> "$DIR/n"; case $(wc -l < "$DIR/n") in 2) kill -9 $PPID;; 3) exit 0;; *) exit 1;; esac',
    },
    runner,
  },
  async (t, rig) => {
    // Nothing of what the first run had to say came into the file, as where the kill is quicker than the file.
    t.equal(await rig.start(['run', '--json']).ended, 'SIGKILL')
    mkdirSync(rig.path('metrics'))
    const next = await rig.finish('--resume')
    t.equal(next.status, 0)
    t.same(next.all('run:started')[0]?.resumes?.tried, [
      { task: '1-a', tries: 2 },
      { task: '2-b', tries: 1 },
    ])
    t.match(samples(rig), { 'runner_task_tries a': 2, 'runner_task_tries b': 2 })
    await rig.finish('--only', 'b')
    t.match(samples(rig), { 'runner_task_tries a': 2, 'runner_task_tries b': 2 }, 'not with another run')
  },
)

rigTest(
  t,
  'a metrics_file that is a FIFO keeps nothing waiting',
  { tasks: { '1-a': '' }, runner: { metrics_file: 'fifo.prom' } },
  async (t, rig) => {
    makeFifo(rig.path('fifo.prom'))
    t.equal((await rig.finish()).status, 0)
    t.ok(statSync(rig.path('fifo.prom')).isFile(), 'it is replaced as any other file')
  },
)

rigTest(
  t,
  'metrics that cannot be written cost a notice, never the run',
  { tasks: { '1-a': '', '2-b': '' }, runner: { metrics_file: 'no/such/folder.prom' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    const reasons = run.all('notice').map(({ reason, message }) => `${reason} ${message}`)
    t.match(reasons, [/^metrics-lost no metrics are written to .*\/no\/such\/folder\.prom: no such file/])
    t.equal(reasons.length, 1)
    rig.configure({ metrics_file: 'no/such/folder.prom' })
    const last = await rig.finish('--only', 'a')
    t.same(
      rig.notices(2),
      last.all('notice').map(({ message }) => message),
      'also when the run has ended',
    )
    t.equal(rig.notices(2).length, 1)
  },
)

rigTest(
  t,
  'a link in the place of the metrics is replaced, and none that somebody plants for their draft is followed',
  { tasks: { a: 'read x < "$DIR/hold"' }, runner },
  async (t, rig) => {
    mkdirSync(rig.path('metrics'))
    const precious = rig.file('precious', 'as it was', 0o600)
    symlinkSync(precious, rig.path('metrics/runner.prom'))
    const hold = rig.hold('hold')
    const run = rig.run()
    const { pid } = await run.event('run:started')
    await run.event('try:running')
    // The name that a draft once had.
    symlinkSync(precious, rig.path(`metrics/runner.prom.${pid}.tmp`))
    hold.release()
    t.equal(await run.ended, 0)
    t.ok(lstatSync(rig.path('metrics/runner.prom')).isFile())
    t.equal(readFileSync(precious, 'utf8'), 'as it was')
    t.equal(statSync(precious).mode & 0o777, 0o600)
    t.same(readdirSync(rig.path('metrics')).sort(), ['runner.prom', `runner.prom.${pid}.tmp`])
  },
)
