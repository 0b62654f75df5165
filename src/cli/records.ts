import { resolve } from 'node:path'
import { loadConfiguration } from '../config/load.ts'
import { findConfigFile } from '../config/sources.ts'
import type { RunRecord } from '../journal/reader.ts'
import { runsOf } from '../journal/runs.ts'
import { fail, ok, type Result } from '../result.ts'

/** Which runs a command is about. */
export interface RecordOptions {
  config?: string
  /** The task directory, where it is not that of the configuration. */
  taskDir?: string
}

/** Where the records of a chain are. */
export interface Records {
  state: string
  taskDir: string
  /** The latest first. */
  runs(): Generator<RunRecord>
}

export function findRecords(options: RecordOptions, env: NodeJS.ProcessEnv): Result<Records, string> {
  const configuration = loadConfiguration(findConfigFile(options.config, env), env)
  if (!configuration.ok) return fail(configuration.failure[0]!.message)
  const { state_dir: state, task_dir } = configuration.value.runner
  const taskDir = options.taskDir === undefined ? task_dir : resolve(options.taskDir)
  return ok({ state, taskDir, runs: () => runsOf(state, taskDir) })
}

/** The run of that number, or the latest; a message where there is none. */
export function findRun(records: Records, wanted: number | undefined): Result<RunRecord, string> {
  for (const run of records.runs()) if (wanted === undefined || run.started.run_id === wanted) return ok(run)
  const which = wanted === undefined ? 'no run' : `no run ${wanted}`
  return fail(
    `${which} of ${records.taskDir} is on record in ${records.state}; \`runner history\` shows those that are`,
  )
}
