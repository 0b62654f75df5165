import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { formatDiagnostic } from '../../config/diagnostic.ts'
import type { RunRecord } from '../../journal/run-record.ts'
import { type RunOnRecord, runsOf } from '../../journal/runs.ts'
import { errorCode, errorText, fail, ok, type Result } from '../../result.ts'
import { realPath } from '../../system/real-path.ts'
import { loadTrusted } from '../config.ts'
import { definesCommandsWith, type NewCommand, type OptionsOf } from '../define-command.ts'
import { InvalidValue } from '../options.ts'

export const recordOptions = (command: NewCommand) =>
  command.option('--task-dir <directory>', 'the chain of this directory, not that of the configuration')

/** Options of every command about runs on record. */
export type RecordOptions = OptionsOf<typeof recordOptions>

/** Defines a command about runs on record. */
export const defineRecordCommand = definesCommandsWith(recordOptions)

/** The place of the records of a chain. */
export interface Records {
  state: string
  taskDir: string
  /** The latest first. */
  runs(): Generator<RunOnRecord>
}

export function findRecords(options: RecordOptions, env: NodeJS.ProcessEnv): Result<Records, string> {
  const configuration = loadTrusted(options, env)
  if (!configuration.ok) return fail(configuration.failure.map(formatDiagnostic).join('\n'))
  const { state_dir: state, task_dir } = configuration.value.runner
  const taskDir = realPath(options.taskDir === undefined ? task_dir : resolve(options.taskDir))
  return ok({ state, taskDir, runs: () => runsOf(state, taskDir) })
}

/** Why this user cannot read a state directory; undefined where it can, or where there is none. */
function notReadable(state: string): string | undefined {
  try {
    accessSync(state, constants.R_OK | constants.X_OK)
    return undefined
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    return (
      `the state directory ${state} cannot be read: ${errorText(error)}; ` +
      `be the user that runs the chain, or set state_dir in [runner]`
    )
  }
}

/** The run of that number, or the latest; a message where there is none, or none that can be read. */
export function findRun(records: Records, wanted: number | undefined): Result<RunRecord, string> {
  for (const { id, run } of records.runs())
    if (wanted === undefined || id === wanted) return run.ok ? run : fail(`run ${id}: ${run.failure}`)
  const { taskDir, state } = records
  if (existsSync(state) && !statSync(state).isDirectory())
    return fail(`the state directory ${state} is not a directory; set state_dir in [runner]`)
  const closed = notReadable(state)
  if (closed !== undefined) return fail(closed)
  const which = wanted === undefined ? 'no run' : `no run ${wanted}`
  const isAny = records.runs().next().done !== true
  const how = isAny
    ? '`runner history` shows the runs'
    : '`runner run` makes the first one; --task-dir names another chain'
  return fail(`${which} of ${taskDir} is on record in ${state}; ${how}`)
}

/** Those that can be read, the latest first. */
export function readableRuns(runs: Iterable<RunOnRecord>): RunRecord[] {
  return [...runs].flatMap(({ run }) => (run.ok ? [run.value] : []))
}

/** Whether a text can be the number of a run. */
export const isRunNumber = (text: string): boolean => /^[1-9]\d{0,14}$/.test(text)

/** Parses the number of a run. */
export function parseRun(text: string): number {
  if (!isRunNumber(text)) throw new InvalidValue('It must be the number of a run.')
  return Number(text)
}
