import { basename, dirname, resolve } from 'node:path'
import { type Diagnostic, formatDiagnostic } from '../config/diagnostic.ts'
import type { Configuration } from '../config/load.ts'
import type { Trust } from '../system/trust.ts'
import { checkParallel } from './check-parallel.ts'
import { checkGate, checkHalt, checkTask, checkWords } from './check-programs.ts'
import { orderByDependencies } from './dependencies.ts'
import { discover, type Task } from './discover.ts'
import { untrusted } from './permissions.ts'
import type { Chain, PlannedTask } from './planned-task.ts'
import { programsOf, programsOfCommand } from './programs.ts'
import { checkRetryFrom } from './retry-from.ts'
import { checkSections, settingsOfTask } from './task-sections.ts'

export interface PrepareOptions {
  /** Overrules `task_dir`. */
  directory?: string | undefined
  /** The environment of the process. */
  env: NodeJS.ProcessEnv
  /** The users who may decide which programs run; undefined where that does not matter. */
  trust: Trust | undefined
  /** Mistakes that build-runner let pass are warnings. */
  lenient: boolean
}

/** A chain as far as it could be made out, and all complaints: with an error among them it must not run. */
export interface PreparedChain {
  chain: Chain
  findings: Diagnostic[]
}

/** Joins configuration and task directory to a chain. */
export function prepareChain(configuration: Configuration, options: PrepareOptions): PreparedChain {
  const { runner, texts } = configuration
  const directory = options.directory === undefined ? runner.task_dir : resolve(options.directory)
  const halt = haltTask(directory, runner.halt_task)
  const { tasks, skipped, findings: discovered } = discover(directory, halt.path)
  const settings = tasks.map(task => settingsOfTask(task, tasks, configuration))
  const order = orderByDependencies(
    settings.map(({ task }) => task),
    halt.file,
  )
  const path = configuration.env.PATH ?? options.env.PATH
  const checkedHalt = checkHalt(configuration, halt.path, path)
  const isTask = (section: string) =>
    tasks.some(({ file, name, alias }) => [file, name, alias].includes(section))
  const findings = [
    ...configuration.findings.filter(({ section }) => section === undefined || !isTask(section)),
    ...discovered,
    ...(discovered.some(({ reason }) => reason === 'task-dir-unreadable')
      ? []
      : checkEmpty(directory, tasks, runner, options)),
    ...checkSections(configuration, tasks),
    ...checkRetryFrom(configuration, tasks),
    ...checkParallel(
      configuration,
      settings.map(({ task }) => task),
    ),
    ...settings.flatMap(({ findings }) => findings),
    ...order.findings,
    ...settings.flatMap(({ task }) => checkTask(task, path)),
    ...settings.flatMap(({ task }) => checkGate(task, path)),
    ...checkedHalt.findings,
    ...checkWords('task_hook', runner.task_hook, path, texts.get('task_hook')),
    ...checkWords('reboot_command', runner.reboot_command, path, texts.get('reboot_command')),
  ]
  if (options.trust !== undefined) {
    const files = [directory, ...filesStarted(order.tasks, halt.path, configuration, path)]
    findings.push(...untrusted(files, options.trust))
  }
  const chain = { directory, tasks: order.tasks, skipped, halt: checkedHalt.exists ? halt : undefined }
  return { chain, findings: unique(findings) }
}

/** Complains of a chain without a task, which more often is a wrong directory than what was meant. */
function checkEmpty(
  directory: string,
  tasks: readonly Task[],
  { allow_empty, compatible }: Configuration['runner'],
  { lenient }: PrepareOptions,
): Diagnostic[] {
  if (tasks.length > 0 || allow_empty) return []
  const severity = lenient || compatible ? 'warning' : 'error'
  const message = 'there is no task in this directory'
  const hint = 'put an executable file into it, name another directory, or set allow_empty = yes in [runner]'
  return [{ severity, reason: 'no-tasks', file: directory, message, hint }]
}

/** The halt task as people name it, and its path. */
function haltTask(directory: string, setting: string): { file: string; path: string } {
  const path = resolve(directory, setting)
  return { file: dirname(path) === directory ? basename(path) : setting, path }
}

/** The files that a run may start, with the interpreters of scripts. */
function filesStarted(
  tasks: readonly PlannedTask[],
  halt: string,
  { runner }: Configuration,
  path: string | undefined,
): string[] {
  const conditions = tasks.flatMap(({ settings }) => settings.condition_command.map(({ value }) => value))
  const scripts = [...tasks, { path: halt, settings: runner }].flatMap(({ path: file, settings }) => {
    const { interpreter } = settings
    return interpreter.length === 0
      ? programsOf(file, path)
      : [file, ...programsOfCommand([...interpreter, file], path)]
  })
  const commands = [runner.task_hook, runner.reboot_command, ...conditions]
  return [...new Set([...scripts, ...commands.flatMap(words => programsOfCommand(words, path))])]
}

function unique(findings: readonly Diagnostic[]): Diagnostic[] {
  return [...new Map(findings.map(finding => [formatDiagnostic(finding), finding])).values()]
}
