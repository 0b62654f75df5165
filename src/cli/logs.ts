import { existsSync } from 'node:fs'
import { systemClock } from '../edges.ts'
import { exitStatus } from '../exit-status.ts'
import { type HookRecord, type RunRecord, readRun, type TryRecord } from '../journal/reader.ts'
import { stateOf } from '../journal/runs.ts'
import { verifyLog } from '../journal/verify.ts'
import { leftOutNotice } from '../process/log-file.ts'
import { LogReader } from '../process/log-reader.ts'
import { jsonText, shown } from '../process/printable.ts'
import { JobOutput } from '../report/job-output.ts'
import { type Out, streamOut } from '../report/stream.ts'
import { errorCode } from '../result.ts'
import { findRecords, findRun, type RecordOptions } from './records.ts'
import { print, sayError } from './say.ts'

export interface LogsCommandOptions extends RecordOptions {
  run?: number
  /** File name or name; all tasks without it. */
  task?: string
  /** What the hooks wrote, not the tasks. */
  hook: boolean
  follow: boolean
  verify: boolean
  json: boolean
}

type LogRecord = TryRecord | HookRecord

/** Seconds between two looks at a log that grows. */
const lookEvery = 0.1

/** `runner logs`: what the tasks of a run wrote, or its hooks. */
export async function logsCommand(options: LogsCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const records = findRecords(options, env)
  const run = records.ok ? findRun(records.value, options.run) : records
  if (!run.ok) {
    sayError(`runner: ${run.failure}\n`)
    return records.ok ? exitStatus.noRun : exitStatus.config
  }
  const comes = options.follow && stateOf(run.value) === 'running'
  if (options.task !== undefined && chosen(run.value, options).length === 0 && !comes) {
    const what = options.hook ? 'hook' : 'try'
    sayError(`runner: run ${run.value.started.run_id} has no ${what} of ${options.task}\n`)
    return exitStatus.noRun
  }
  if (options.verify) return verify(run.value, options)
  const gone = new AbortController()
  await printLogs(run.value, options, streamOut(process.stdout, gone.abort.bind(gone)), gone.signal)
  // main.ts tells of it.
  if (gone.signal.aborted && errorCode(gone.signal.reason) !== 'EPIPE') return exitStatus.internal
  return tellMissing(run.value, options) ? exitStatus.missing : exitStatus.ok
}

/** Says which logs are not there though something was written; that is no empty output. */
function tellMissing(run: RunRecord, options: LogsCommandOptions): boolean {
  const gone = chosen(run, options).filter(({ ended }) => {
    const { file, bytes = 0 } = ended?.log ?? {}
    return bytes > 0 && (file === undefined || !existsSync(file))
  })
  for (const record of gone) {
    const { file, bytes } = record.ended!.log
    const why = file === undefined ? 'were not kept' : `are gone with ${file}`
    sayError(`runner: ${title(record, ', ')}: its ${bytes} bytes of output ${why}\n`)
  }
  return gone.length > 0
}

/** The logs that are asked for. */
function chosen({ tries, hooks }: RunRecord, { task, hook }: LogsCommandOptions): LogRecord[] {
  const wanted = ({ started }: LogRecord) =>
    task === undefined || started.task === task || started.name === task
  return hook ? hooks.filter(wanted) : tries.filter(wanted)
}

/** Whose log it is, as JSON and in words. */
function ownerOf({ started }: LogRecord) {
  const { task, kind, try_num } = started
  const hook = 'hook' in started ? { hook: started.hook } : {}
  return { task, kind, try_num, ...hook }
}

function title(record: LogRecord, separator: string): string {
  const { task, try_num, hook } = ownerOf(record)
  return [shown(task), `try ${try_num}`, ...(hook === undefined ? [] : [`${hook} hook`])].join(separator)
}

function verify(run: RunRecord, options: LogsCommandOptions): number {
  const results = chosen(run, options).map(record => ({
    record,
    found: verifyLog(record, run.ended !== undefined),
  }))
  if (options.json) {
    const facts = results.map(({ record, found }) => ({ ...ownerOf(record), ...found }))
    print(`${jsonText(facts)}\n`)
  } else
    for (const { record, found } of results) {
      const { verdict, late_bytes, message } = found
      const late = late_bytes > 0 ? `, and ${late_bytes} bytes that came later from the background` : ''
      const why = message === undefined ? '' : ` (${message})`
      print(`${title(record, ' ')}: ${verdict}${why}${late}\n`)
    }
  const good = results.every(({ found }) => found.verdict === 'whole' || found.verdict === 'open')
  return good ? exitStatus.ok : exitStatus.missing
}

/**
 * Prints logs one after the other; when following, also what comes until the run has ended, or cannot be written out
 * any more.
 */
async function printLogs(
  run: RunRecord,
  options: LogsCommandOptions,
  stream: Out,
  gone: AbortSignal,
): Promise<void> {
  const out = new JobOutput(stream)
  const logs = new Map<string, { reader: LogReader; decoder: TextDecoder }>()
  let last: string | undefined
  for (;;) {
    const running = stateOf(run) === 'running'
    for (const record of chosen(run, options)) {
      const ended = record.ended?.log.file === undefined ? undefined : record.ended.log
      const file = ended?.file ?? record.started.log
      if (file === undefined) continue
      let log = logs.get(file)
      if (log === undefined) {
        log = { reader: new LogReader(file), decoder: new TextDecoder('utf-8', { ignoreBOM: true }) }
        logs.set(file, log)
      }
      for (const piece of log.reader.read(ended)) {
        if (options.json) {
          const said =
            typeof piece === 'number'
              ? { text: log.decoder.decode(), left_out: piece }
              : { text: log.decoder.decode(piece, { stream: true }) }
          await stream.write(`${jsonText({ ...ownerOf(record), ...said })}\n`)
        } else {
          if (last !== file) {
            await out.end()
            await stream.write(`${last === undefined ? '' : '\n'}==> ${title(record, ', ')} <==\n`)
          }
          await out.write(typeof piece === 'number' ? leftOutNotice(piece) : piece)
        }
        last = file
      }
    }
    if (!options.follow || !running || gone.aborted) return out.end()
    await systemClock.sleep(lookEvery, gone)
    const again = readRun(run.started.run_dir ?? '')
    if (again.ok) run = again.value
  }
}
