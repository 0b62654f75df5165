import { systemClock } from '../edges.ts'
import { exitStatus } from '../exit-status.ts'
import { type RunRecord, readRun, type TryRecord } from '../journal/reader.ts'
import { stateOf } from '../journal/runs.ts'
import { verifyLog } from '../journal/verify.ts'
import { leftOutNotice } from '../process/log-file.ts'
import { LogReader } from '../process/log-reader.ts'
import { one } from '../report/describe.ts'
import { type Out, streamOut } from '../report/stream.ts'
import { findRecords, findRun, type RecordOptions } from './records.ts'
import { sayError } from './say.ts'

export interface LogsCommandOptions extends RecordOptions {
  run?: number
  /** File name or name; all tasks without it. */
  task?: string
  follow: boolean
  verify: boolean
  json: boolean
}

/** Seconds between two looks at a log that grows. */
const lookEvery = 0.1

/** `runner logs`: what the tasks of a run wrote. */
export async function logsCommand(options: LogsCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const records = findRecords(options, env)
  const run = records.ok ? findRun(records.value, options.run) : records
  if (!run.ok) {
    sayError(`runner: ${run.failure}\n`)
    return records.ok ? exitStatus.noRun : exitStatus.config
  }
  const wanted = ({ started }: TryRecord) =>
    options.task === undefined || started.task === options.task || started.name === options.task
  if (options.task !== undefined && !run.value.tries.some(wanted) && !options.follow) {
    sayError(`runner: run ${run.value.started.run_id} has no try of ${options.task}\n`)
    return exitStatus.noRun
  }
  if (options.verify) return verify(run.value, wanted, options)
  await print(run.value, wanted, options, streamOut(process.stdout))
  return exitStatus.ok
}

function verify(
  run: RunRecord,
  wanted: (record: TryRecord) => boolean,
  { json }: LogsCommandOptions,
): number {
  const results = run.tries.filter(wanted).map(record => {
    const { task, try_num, kind } = record.started
    return { task, kind, try_num, ...verifyLog(record, run.ended !== undefined) }
  })
  const bad = results.filter(({ verdict }) => verdict !== 'whole' && verdict !== 'open')
  if (json) process.stdout.write(`${JSON.stringify(results)}\n`)
  else
    for (const { task, try_num, verdict, late_bytes, message } of results) {
      const late = late_bytes > 0 ? `, and ${late_bytes} bytes that came later from the background` : ''
      const why = message === undefined ? '' : ` (${message})`
      process.stdout.write(`${one(task)} try ${try_num}: ${verdict}${why}${late}\n`)
    }
  return bad.length === 0 ? exitStatus.ok : exitStatus.missing
}

/** Prints the logs of tries one after the other; when following, also what comes until the run has ended. */
async function print(
  run: RunRecord,
  wanted: (record: TryRecord) => boolean,
  { follow, json }: LogsCommandOptions,
  out: Out,
): Promise<void> {
  const logs = new Map<string, { reader: LogReader; decoder: TextDecoder }>()
  let last: string | undefined
  for (;;) {
    const running = stateOf(run) === 'running'
    for (const { started, ended } of run.tries.filter(wanted)) {
      const file = ended?.log.file ?? started.log
      if (file === undefined) continue
      const log = logs.get(file) ?? {
        reader: new LogReader(file),
        decoder: new TextDecoder('utf-8', { ignoreBOM: true }),
      }
      logs.set(file, log)
      const { task, try_num } = started
      for (const piece of log.reader.read(ended?.log.file === undefined ? undefined : ended.log)) {
        if (json) {
          const said =
            typeof piece === 'number'
              ? { left_out: piece }
              : { text: log.decoder.decode(piece, { stream: true }) }
          await out.write(`${JSON.stringify({ task, try_num, ...said })}\n`)
        } else {
          if (last !== file)
            await out.write(`${last === undefined ? '' : '\n'}==> ${one(task)}, try ${try_num} <==\n`)
          await out.write(typeof piece === 'number' ? leftOutNotice(piece) : piece)
        }
        last = file
      }
    }
    if (!follow || !running) return
    await systemClock.sleep(lookEvery)
    const again = readRun(run.started.run_dir ?? '')
    if (again.ok) run = again.value
  }
}
