import { exitStatus } from '../exit-status.ts'
import { jsonText } from '../process/printable.ts'
import { explain, explainText } from '../report/explain.ts'
import { findRecords, findRun, type RecordOptions } from './records.ts'
import { print, sayError } from './say.ts'

export interface ExplainCommandOptions extends RecordOptions {
  run?: number
  json: boolean
}

/** `runner explain`: why a run ended as it did. */
export function explainCommand(options: ExplainCommandOptions, env: NodeJS.ProcessEnv): number {
  const records = findRecords(options, env)
  const run = records.ok ? findRun(records.value, options.run) : records
  if (!run.ok) {
    sayError(`runner: ${run.failure}\n`)
    return records.ok ? exitStatus.noRun : exitStatus.config
  }
  const facts = explain(run.value)
  print(options.json ? `${jsonText(facts)}\n` : explainText(facts))
  return exitStatus.ok
}
