import { closeSync, openSync, readSync } from 'node:fs'
import { systemClock } from '../edges.ts'
import { exitStatus } from '../exit-status.ts'
import { type RunRecord, readRun, type TryRecord } from '../journal/reader.ts'
import { stateOf } from '../journal/runs.ts'
import { verifyLog } from '../journal/verify.ts'
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
  const positions = new Map<string, number>()
  const decoders = new Map<string, TextDecoder>()
  let last: string | undefined
  for (;;) {
    const running = stateOf(run) === 'running'
    for (const record of run.tries.filter(wanted)) {
      const file = record.ended?.log.file ?? record.started.log
      if (file === undefined) continue
      for (const piece of piecesOf(file, positions)) {
        const { task, try_num } = record.started
        if (json) {
          const decoder = decoders.get(file) ?? new TextDecoder('utf-8', { ignoreBOM: true })
          decoders.set(file, decoder)
          const text = decoder.decode(piece, { stream: true })
          await out.write(`${JSON.stringify({ task, try_num, text })}\n`)
        } else {
          if (last !== file)
            await out.write(`${last === undefined ? '' : '\n'}==> ${one(task)}, try ${try_num} <==\n`)
          await out.write(piece)
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

/** What has come since the last look, in pieces. */
function* piecesOf(file: string, positions: Map<string, number>): Generator<Buffer> {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch {
    return
  }
  try {
    for (;;) {
      const at = positions.get(file) ?? 0
      const buffer = Buffer.allocUnsafe(65536)
      const length = readSync(fd, buffer, 0, buffer.length, at)
      if (length === 0) return
      positions.set(file, at + length)
      yield buffer.subarray(0, length)
    }
  } finally {
    closeSync(fd)
  }
}
