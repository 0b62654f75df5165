import { resolve } from 'node:path'
import { realPath } from '../chain/run.ts'
import { formatDiagnostic } from '../config/diagnostic.ts'
import type { RunRecord } from '../journal/reader.ts'
import { type RunOnRecord, runsOf } from '../journal/runs.ts'
import { fail, ok, type Result } from '../result.ts'
import { type ConfigOptions, loadTrusted } from './load-configuration.ts'

/** Which runs a command is about. */
export interface RecordOptions extends ConfigOptions {
  /** The task directory, where it is not that of the configuration. */
  taskDir?: string
}

/** Where the records of a chain are. */
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

/** The run of that number, or the latest; a message where there is none, or none that can be read. */
export function findRun(records: Records, wanted: number | undefined): Result<RunRecord, string> {
  for (const { id, run } of records.runs())
    if (wanted === undefined || id === wanted) return run.ok ? run : fail(`run ${id}: ${run.failure}`)
  const which = wanted === undefined ? 'no run' : `no run ${wanted}`
  const { taskDir, state } = records
  return fail(`${which} of ${taskDir} is on record in ${state}; \`runner history\` shows those that are`)
}

/** Those that can be read, the latest first. */
export function readable(runs: Iterable<RunOnRecord>): RunRecord[] {
  return [...runs].flatMap(({ run }) => (run.ok ? [run.value] : []))
}
