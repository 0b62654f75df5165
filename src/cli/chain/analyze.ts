import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { analyze } from '../../report/records/analysis.ts'
import { analysisSvg } from '../../report/records/analysis-svg.ts'
import { analysisText, blameText, criticalChainText } from '../../report/records/analysis-text.ts'
import { print, sayError } from '../../report/say.ts'
import { errorText } from '../../result.ts'
import { jsonText } from '../../system/printable.ts'
import { replaceFile } from '../../system/replace-file.ts'
import type { NewCommand, OptionsOf } from '../define-command.ts'
import { parsePath } from '../options.ts'
import {
  defineRecordCommand,
  findRecords,
  findRun,
  parseRun,
  type RecordOptions,
  readableRuns,
} from './records.ts'

const options = (command: NewCommand) =>
  command
    .argument('[run]', 'number of the run (default: the last)', parseRun)
    .option('--critical-chain', 'show only the tasks by which the run took as long as it did', false)
    .option('--blame', 'show only the tasks, the one that took longest first', false)
    .option('--svg <file>', 'write a picture of the run into this file', parsePath)
    .option('--json', 'print one JSON object', false)

type Options = RecordOptions & OptionsOf<typeof options>

/** Prints where the time of a run went, or makes a picture of it. */
async function analyzeRun(
  options: Options,
  wanted: number | undefined,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const records = findRecords(options, env)
  const run = records.ok ? findRun(records.value, wanted) : records
  if (!run.ok || !records.ok) {
    sayError(`runner: ${run.ok ? '' : run.failure}\n`)
    return records.ok ? exitStatus.noRun : exitStatus.config
  }
  const { run_id } = run.value.started
  const earlier = readableRuns(records.value.runs()).filter(({ started }) => started.run_id < run_id)
  const analysis = analyze(run.value, earlier, systemClock.now())
  if (options.svg !== undefined) {
    try {
      await replaceFile(options.svg, analysisSvg(analysis), { mode: 0o644 })
    } catch (error) {
      sayError(
        `runner: ${options.svg} cannot be written: ${errorText(error)}; ` +
          'name a file in a directory that is there and yours\n',
      )
      return exitStatus.usage
    }
  }
  if (options.json) print(`${jsonText(analysis)}\n`)
  else if (options.criticalChain) print(criticalChainText(analysis))
  else if (options.blame) print(blameText(analysis))
  else if (options.svg === undefined) print(analysisText(analysis))
  return exitStatus.ok
}

export const command = defineRecordCommand({
  description: 'show where the time of a run went',
  options,
  notes: `Columns: the task, when it began after the beginning of the run, how long it took in all, its tries,
the parts of that time, and how long a try that is OK usually takes (the median of the runs on record).`,
  examples: ['runner analyze', 'runner analyze 12 --critical-chain', 'runner analyze --svg boot.svg'],
  action: (options, [run], env) => analyzeRun(options, run, env),
})
