import { exitStatus } from '../../exit-status.ts'
import { explain, explainText } from '../../report/records/explain.ts'
import { print, sayError } from '../../report/say.ts'
import { jsonText } from '../../system/printable.ts'
import type { NewCommand, OptionsOf } from '../define-command.ts'
import { defineRecordCommand, findRecords, findRun, parseRun, type RecordOptions } from './records.ts'

const options = (command: NewCommand) =>
  command
    .argument('[run]', 'number of the run (default: the last)', parseRun)
    .option('--json', 'print one JSON object', false)

type Options = RecordOptions & OptionsOf<typeof options>

/** Prints why a run ended as it did. */
function explainRun(options: Options, wanted: number | undefined, env: NodeJS.ProcessEnv): number {
  const records = findRecords(options, env)
  const run = records.ok ? findRun(records.value, wanted) : records
  if (!run.ok) {
    sayError(`runner: ${run.failure}\n`)
    return records.ok ? exitStatus.noRun : exitStatus.config
  }
  const facts = explain(run.value)
  print(options.json ? `${jsonText(facts)}\n` : explainText(facts))
  return exitStatus.ok
}

export const command = defineRecordCommand({
  description: 'explain on one screen why a run ended as it did',
  options,
  examples: ['runner explain', 'runner explain 12'],
  action: (options, [run], env) => explainRun(options, run, env),
})
