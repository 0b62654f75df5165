import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Chain, PlannedTask } from '../../chain/planned-task.ts'
import { runOnce } from '../../chain/run.ts'
import { CompiledLookUps, lookUpBase } from '../../config/compiled-look-ups.ts'
import { configCommand } from '../../config/config-command.ts'
import type { Diagnostic } from '../../config/diagnostic.ts'
import type { Configuration } from '../../config/load.ts'
import { ownVariables } from '../../config/sections/env.ts'
import { type Edges, systemChance, systemClock } from '../../edges.ts'
import type { Emit } from '../../event.ts'
import { exitStatus } from '../../exit-status.ts'
import { NoticeBuffer } from '../../journal/notice-buffer.ts'
import { packageRoot } from '../../package-root.ts'
import { withMetrics } from '../../report/run/metrics.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { notifyVariables } from '../../report/systemd.ts'
import { defined, fail } from '../../result.ts'
import { readBootId } from '../../system/boot-id.ts'
import { counted } from '../../system/counted.ts'
import { realPath } from '../../system/real-path.ts'
import { shellQuote } from '../../system/shell-quote.ts'
import { sayFindings } from '../config.ts'
import { defineCommand, type NewCommand, type OptionsOf } from '../define-command.ts'
import { collect, parsePath, parseTimes, verbosityOf } from '../options.ts'
import { catchSignals, interruptedBy } from '../signals.ts'
import { hasErrors, loadChain } from './load-chain.ts'
import { openReport } from './open-report.ts'
import { selectTasks } from './select-tasks.ts'
import { StatesAndLocks } from './state-and-lock.ts'
import { UsualDurations } from './usual-durations.ts'

const options = (command: NewCommand) =>
  command
    .argument('[taskdir]', '', parsePath)
    .option(
      '-n, --times <number>',
      'run this many times, each after the one before succeeded; 0: for ever',
      parseTimes,
      1,
    )
    .option('-H, --halt-after', 'run the halt task after success, once, after the last run', false)
    .option('--only <task>', 'run only this task (may be given several times)', collect, [])
    .option('--from <task>', 'begin with this task')
    .option(
      '--again <task>',
      'run this task although it is done: forget that it succeeded (may be given several times)',
      collect,
      [],
    )
    .option('--dry-run', 'show what would run, and run nothing', false)
    .option('--resume', 'resume the last run, if it was interrupted or asked for a reboot', false)
    .option('--wait', 'wait for another run of the same directory to end, instead of status 4', false)
    .option('--json', 'print each event as one JSON object per line', false)
    .option('--syslog', 'write the events to the system log too', false)

export interface RunCommandOptions extends OptionsOf<typeof options> {
  /** The task directory; undefined: that of the configuration. */
  directory: string | undefined
  lenient?: boolean
}

/** Runs the chain as often as it is asked to; resolves to the exit status. */
export async function runChainRepeatedly(
  options: RunCommandOptions,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const edges: Edges = { clock: systemClock, chance: systemChance }
  const usual = new UsualDurations()
  const noticeBuffer = new NoticeBuffer()
  const shown = { ...options, verbosity: verbosityOf(options) }
  const report = await openReport(
    shown,
    edges.clock,
    env,
    task => usual.of(task),
    event => noticeBuffer.write(event),
  )
  const tell: Emit = event => {
    noticeBuffer.write(event)
    return report.emit(event)
  }
  using signals = catchSignals()
  using held = new StatesAndLocks(edges.clock, tell)
  const meters = new Map<string | undefined, Emit>()
  const metered = (file: string | undefined) => {
    const emit = meters.get(file) ?? withMetrics(report.emit, file, edges.clock, tell)
    meters.set(file, emit)
    return emit
  }
  try {
    for (let iteration = 1; ; iteration++) {
      const last = iteration === options.times
      const services = { edges, metered, usual, tell: report.emit, noticeBuffer, held, ...signals }
      const status = await iterate(options, { last, first: iteration === 1 }, services, env)
      if (status !== exitStatus.ok || last || options.dryRun) return status
      if (signals.stop.aborted) return interruptedBy(signals.stop)
    }
  } finally {
    report.close()
  }
}

/** The services that all runs of one command share. */
interface Services {
  edges: Edges
  /** The report, with metrics into a file. */
  metered(file: string | undefined): Emit
  /** The report alone. */
  tell: Emit
  noticeBuffer: NoticeBuffer
  usual: UsualDurations
  held: StatesAndLocks
  stop: AbortSignal
  hurry: AbortSignal
}

async function iterate(
  options: RunCommandOptions,
  { first, last }: { first: boolean; last: boolean },
  services: Services,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { loaded, findings } = loadChain(options, options.directory, env)
  if (first || hasErrors(findings)) tellFindings(findings, options, first)
  if (loaded === undefined || hasErrors(findings)) return exitStatus.config
  const { configuration } = loaded
  const selected = selectTasks(loaded.chain, options)
  if (!selected.ok) {
    sayError(`runner: ${selected.failure}\n`)
    return exitStatus.usage
  }
  const again = first ? options.again : []
  const forgotten = again.length === 0 ? undefined : await tasksToForget(again, selected.value, options)
  if (forgotten?.ok === false) {
    sayError(`runner: ${forgotten.failure}\n`)
    return exitStatus.usage
  }
  if (options.dryRun) {
    await dryRun(selected.value, configuration, forgotten?.value ?? [], options)
    return exitStatus.ok
  }
  const state = services.held.state(configuration.runner.state_dir)
  const directory = realPath(loaded.chain.directory)
  services.usual.lookAt(configuration.runner.state_dir, directory)
  const bootId = readBootId()
  if (state !== undefined) {
    const holder = { pid: process.pid, boot_id: bootId }
    const other = await services.held.lock(state, directory, holder, options.wait ? services.stop : undefined)
    if (services.stop.aborted) return interruptedBy(services.stop)
    if (other !== undefined) {
      sayError(`runner: ${other}\n`)
      return exitStatus.locked
    }
  }
  if (forgotten !== undefined && state !== undefined) {
    const { forget } = await import('./again.ts')
    const done = forget(forgotten.value, { state, taskDir: directory, bootId })
    if (!done.ok) {
      sayError(`runner: ${done.failure}\n`)
      return exitStatus.internal
    }
  }
  using command = configCommand(join(packageRoot, 'bin', 'runner'), configuration.file, state)
  const { edges, noticeBuffer, stop, hurry, tell } = services
  const killed = state === undefined ? undefined : services.held.killedHolder(state, directory)
  const metered = services.metered(configuration.runner.metrics_file)
  const base = lookUpBase(env)
  const { file } = configuration
  const lookUps =
    base === undefined || file === undefined ? undefined : new CompiledLookUps(base, file, process.cwd())
  const emit: Emit = event => {
    // While the task starts: its start need not wait for it, and it may have changed the configuration by its
    // next try.
    if (event.event === 'try:running') lookUps?.refresh(edges.clock.now())
    return metered(event)
  }
  const status = await runOnce({
    chain: selected.value,
    configuration,
    state,
    temporary: tmpdir(),
    env: taskEnvironment(configuration, command.value, env),
    bootId,
    partial: options.only.length > 0 || options.from !== undefined,
    resume: options.resume && first,
    haltAfter: options.haltAfter && last,
    killedProcess: killed?.boot_id === bootId ? killed.pid : undefined,
    edges,
    emit,
    show: tell,
    noticeBuffer,
    stop,
    hurry,
  })
  // An empty chain, run again and again, must not keep a processor busy.
  const idle = selected.value.tasks.length === 0 && status === exitStatus.ok && !last
  if (idle) await edges.clock.sleep(Math.max(1, configuration.runner.sleep_time), stop)
  return status
}

function taskEnvironment(
  configuration: Configuration,
  command: string,
  env: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const passed = Object.entries(env).filter(([name]) => !notifyVariables.some(own => own === name))
  const own = Object.entries(configuration.env).filter(([name]) => !ownVariables.includes(name))
  return { ...Object.fromEntries(passed), ...Object.fromEntries(own), RUNNER_CONFIG_CMD: command }
}

/** Prints errors, and warnings when verbose; else only the number of warnings, which `runner check` shows. */
function tellFindings(findings: readonly Diagnostic[], options: RunCommandOptions, first: boolean): void {
  const verbosity = verbosityOf(options)
  const errors = findings.filter(finding => finding.severity === 'error')
  const warnings = findings.filter(finding => finding.severity === 'warning')
  const shown = [...errors, ...(verbosity === 'verbose' ? warnings : [])]
  sayFindings(shown)
  if (errors.length > 0) sayError(`runner: nothing has been run${first ? '' : ' any more'}\n`)
  else if (verbosity === 'normal' && warnings.length > 0) {
    const subject = warnings.length === 1 ? 'is 1 warning' : `are ${warnings.length} warnings`
    const them = warnings.length === 1 ? 'it' : 'them'
    sayError(`runner: there ${subject} about the configuration; \`runner check\` shows ${them}\n`)
  }
}

/** The tasks of `--again`. */
async function tasksToForget(words: readonly string[], chain: Chain, { resume }: RunCommandOptions) {
  if (resume) return fail('--again begins anew, and --resume does not: leave one of them out')
  const { tasksOfAgain } = await import('./again.ts')
  return tasksOfAgain(words, chain)
}

async function dryRun(
  chain: Chain,
  configuration: Configuration,
  again: readonly PlannedTask[],
  { json }: RunCommandOptions,
): Promise<void> {
  const { standingOf } = await import('./standing.ts')
  const commands = chain.tasks.map(task => {
    const { skipped } =
      (again.includes(task) ? undefined : standingOf(task, chain.directory, configuration)) ?? {}
    return { task: task.file, command: [...task.settings.interpreter, task.path], ...defined({ skipped }) }
  })
  if (json) return printJson({ dry_run: true, task_dir: chain.directory, tasks: commands })
  const skips = commands.filter(({ skipped }) => skipped !== undefined).length
  const skip = skips === 0 ? '' : `, and skip ${skips}`
  print(`would run ${counted(commands.length - skips, 'task')} in ${chain.directory}${skip}:\n`)
  for (const { command, skipped } of commands) {
    const why = skipped === undefined ? '' : `  (skipped: ${skipped})`
    print(`  ${command.map(shellQuote).join(' ')}${why}\n`)
  }
}

export const command = defineCommand({
  description: 'run the chain of tasks',
  options,
  notes: `Exit status: 0 all required tasks OK; 1 gave up; 2 halted by a task; 3 a task asked to stop; 4
another run is under way; 5 a reboot was asked for; 64 usage; 78 configuration error, nothing has run; 130 or
143 interrupted.`,
  examples: [
    'runner run                            once, as at boot',
    'runner run -n 0 /etc/runner/tasks.d   again and again until it fails',
    'runner run --only disk --only clock   two tasks, whatever they depend on',
    'runner run --again format             once more, though it is done',
    'runner run --json | jq .event         for a program',
  ],
  action: (options, [directory], env) => runChainRepeatedly({ ...options, directory }, env),
})
