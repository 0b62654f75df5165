import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Chain, findTasks } from '../chain/prepare.ts'
import { realPath, runOnce } from '../chain/run.ts'
import { configCommand } from '../config/config-command.ts'
import { type Diagnostic, formatDiagnostic } from '../config/diagnostic.ts'
import { nearest } from '../config/did-you-mean.ts'
import { type Configuration, ownVariables } from '../config/load.ts'
import { type Edges, systemChance, systemClock } from '../edges.ts'
import type { Emit } from '../event.ts'
import { exitStatus } from '../exit-status.ts'
import { Asides } from '../journal/asides.ts'
import { readBootId } from '../journal/boot-id.ts'
import type { RunRecord } from '../journal/reader.ts'
import { usualDuration } from '../journal/runs.ts'
import { packageRoot } from '../package-root.ts'
import { jsonText } from '../process/printable.ts'
import type { Verbosity } from '../report/describe.ts'
import { withMetrics } from '../report/metrics.ts'
import { notifyVariables } from '../report/systemd.ts'
import { fail, ok, type Result } from '../result.ts'
import { type ChainOptions, hasErrors, loadChain } from './load-chain.ts'
import { openReport } from './open-report.ts'
import { Places } from './places.ts'
import { findRecords, readable } from './records.ts'
import { print, sayError } from './say.ts'
import { catchSignals } from './signals.ts'

export interface RunCommandOptions extends ChainOptions {
  /** How many runs; 0: for ever. */
  times: number
  haltAfter: boolean
  only: string[]
  from?: string
  dryRun: boolean
  /** Go on with the last run. */
  resume: boolean
  /** Wait while another run holds the lock. */
  wait: boolean
  json: boolean
  syslog: boolean
  verbosity: Verbosity
}

/** `runner run`: resolves to the exit status. */
export async function runCommand(options: RunCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const edges: Edges = { clock: systemClock, chance: systemChance }
  const usual = usualDurations(options, env)
  const asides = new Asides()
  const report = await openReport(options, edges.clock, env, usual, event => asides.write(event))
  const tell: Emit = event => {
    asides.write(event)
    return report.emit(event)
  }
  using signals = catchSignals()
  using places = new Places(edges.clock, tell)
  const meters = new Map<string | undefined, Emit>()
  const metered = (file: string | undefined) => {
    const emit = meters.get(file) ?? withMetrics(report.emit, file, edges.clock, tell)
    meters.set(file, emit)
    return emit
  }
  try {
    for (let iteration = 1; ; iteration++) {
      const last = iteration === options.times
      const world = { edges, metered, tell: report.emit, asides, places, ...signals }
      const status = await iterate(options, { last, first: iteration === 1 }, world, env)
      if (status !== exitStatus.ok || last || options.dryRun) return status
      if (signals.stop.aborted) return interruptedBy(signals.stop)
    }
  } finally {
    report.close()
  }
}

/** Reads the earlier runs only when they are asked for. */
function usualDurations(
  options: RunCommandOptions,
  env: NodeJS.ProcessEnv,
): (task: string) => number | undefined {
  let runs: RunRecord[] | undefined
  return task => {
    if (runs === undefined) {
      const records = findRecords(
        { ...options, ...(options.directory ? { taskDir: options.directory } : {}) },
        env,
      )
      runs = records.ok ? readable(records.value.runs()) : []
    }
    return usualDuration(task, runs)
  }
}

function interruptedBy(stop: AbortSignal): number {
  return exitStatus.interrupted[stop.reason as 'SIGINT' | 'SIGTERM']
}

interface World {
  edges: Edges
  /** The report, with metrics into a file. */
  metered(file: string | undefined): Emit
  /** The report alone. */
  tell: Emit
  asides: Asides
  places: Places
  stop: AbortSignal
  hurry: AbortSignal
}

async function iterate(
  options: RunCommandOptions,
  { first, last }: { first: boolean; last: boolean },
  world: World,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { loaded, findings } = loadChain(options, env)
  if (first || hasErrors(findings)) tellFindings(findings, options, first)
  if (loaded === undefined || hasErrors(findings)) return exitStatus.config
  const { configuration } = loaded
  const selected = selectTasks(loaded.chain, options)
  if (!selected.ok) {
    sayError(`runner: ${selected.failure}\n`)
    return exitStatus.usage
  }
  if (options.dryRun) {
    dryRun(selected.value, options)
    return exitStatus.ok
  }
  const state = world.places.state(configuration.runner.state_dir)
  const directory = realPath(loaded.chain.directory)
  const bootId = readBootId()
  if (state !== undefined) {
    const holder = { pid: process.pid, boot_id: bootId }
    const other = await world.places.lock(state, directory, holder, options.wait ? world.stop : undefined)
    if (world.stop.aborted) return interruptedBy(world.stop)
    if (other !== undefined) {
      sayError(`runner: ${other}\n`)
      return exitStatus.locked
    }
  }
  using command = configCommand(join(packageRoot, 'bin', 'runner'), configuration.file, state)
  const { edges, asides, stop, hurry, tell } = world
  const killed = state === undefined ? undefined : world.places.killedHolder(state, directory)
  const emit = world.metered(configuration.runner.metrics_file)
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
    ...(killed?.boot_id === bootId ? { killedProcess: killed.pid } : {}),
    ...{ edges, emit, tell, asides, stop, hurry },
  })
  // A chain of nothing, run again and again, must not keep a processor busy.
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

/** Errors in full; warnings in full when verbose, else by their number: they are what `runner check` is for. */
function tellFindings(
  findings: readonly Diagnostic[],
  { verbosity }: RunCommandOptions,
  first: boolean,
): void {
  const errors = findings.filter(finding => finding.severity === 'error')
  const warnings = findings.filter(finding => finding.severity === 'warning')
  const shown = [...errors, ...(verbosity === 'verbose' ? warnings : [])]
  for (const finding of shown) sayError(`runner: ${formatDiagnostic(finding)}\n`)
  if (errors.length > 0) sayError(`runner: nothing has been run${first ? '' : ' any more'}\n`)
  else if (verbosity === 'normal' && warnings.length > 0) {
    const subject = warnings.length === 1 ? 'is 1 warning' : `are ${warnings.length} warnings`
    sayError(`runner: there ${subject} about the configuration; \`runner check\` shows them\n`)
  }
}

/** The chain less what `--only` and `--from` leave out. */
function selectTasks(chain: Chain, { only, from }: RunCommandOptions): Result<Chain, string> {
  let { tasks } = chain
  const find = (word: string): Result<number, string> => {
    const [found, ...more] = findTasks(chain.tasks, word)
    if (found !== undefined && more.length === 0) return ok(chain.tasks.indexOf(found))
    const guess = nearest(
      word,
      chain.tasks.flatMap(task => [task.file, task.name]),
    )
    if (more.length > 0) return fail(`more than one task is called ${word}; write the file name`)
    return fail(
      `no task is called ${word}${guess === undefined ? '; `runner list` shows them' : `; did you mean ${guess}?`}`,
    )
  }
  if (from !== undefined) {
    const start = find(from)
    if (!start.ok) return start
    tasks = tasks.slice(start.value)
  }
  if (only.length > 0) {
    const wanted = new Set<number>()
    for (const word of only) {
      const index = find(word)
      if (!index.ok) return index
      wanted.add(index.value)
    }
    tasks = tasks.filter(task => wanted.has(chain.tasks.indexOf(task)))
  }
  if (tasks.length === 0 && chain.tasks.length > 0)
    return fail('--from and --only leave no task; `runner list` shows them in their order')
  return ok({ ...chain, tasks })
}

function dryRun(chain: Chain, { json }: RunCommandOptions): void {
  const commands = chain.tasks.map(task => ({
    task: task.file,
    command: [...task.settings.interpreter, task.path],
  }))
  if (json) print(`${jsonText({ dry_run: true, task_dir: chain.directory, tasks: commands })}\n`)
  else {
    print(`would run ${commands.length} task${commands.length === 1 ? '' : 's'} in ${chain.directory}:\n`)
    for (const { command } of commands) print(`  ${command.map(word => quote(word)).join(' ')}\n`)
  }
}

function quote(word: string): string {
  return /^[\w./+:@%,=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
