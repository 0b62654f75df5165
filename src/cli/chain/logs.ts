import { existsSync } from 'node:fs'
import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { readRun } from '../../journal/reader.ts'
import type { HookRecord, RunRecord, TryRecord } from '../../journal/run-record.ts'
import { runStateOf } from '../../journal/runs.ts'
import { verifyLog } from '../../journal/verify.ts'
import { leftOutNotice } from '../../process/log-file.ts'
import { LogReader } from '../../process/log-reader.ts'
import { JobOutput } from '../../report/job-output.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { type Out, streamOut } from '../../report/stream.ts'
import { errorCode } from '../../result.ts'
import { counted } from '../../system/counted.ts'
import { jsonText, shown } from '../../system/printable.ts'
import { shellQuote } from '../../system/shell-quote.ts'
import { definesCommandsWith, type NewCommand, type OptionsOf } from '../define-command.ts'
import { latestOf, namesExecution } from '../operator/ids.ts'
import { serverOptions } from '../operator/server-options.ts'
import { wholeNumber } from '../options.ts'
import { findRecords, findRun, isRunNumber, type RecordOptions, recordOptions } from './records.ts'

const options = (command: NewCommand) =>
  command
    .argument('[which]', 'number of a run (default: the last), or a task of that; or id of an execution')
    .argument('[task]', 'file name or name of a task')
    .option('--hook', 'print what the hooks wrote, instead of the tasks', false)
    .option('-f, --follow', 'print more as it comes, until the run or the execution has ended', false)
    .option('--verify', 'check whether each log is whole', false)
    .option('-t, --timestamps', 'print before each line of an execution when the server got it', false)
    .option('--offset <bytes>', 'begin at this byte of the log of an execution', wholeNumber(0, 999_999_999))

interface Options extends RecordOptions, OptionsOf<typeof options> {
  json: boolean
  /** The latest without it. */
  run: number | undefined
  /** File name or name; all tasks without it. */
  task: string | undefined
}

type LogRecord = TryRecord | HookRecord

/** Seconds between two looks at a log that grows. */
const lookEvery = 0.1

/** Prints the output of the tasks of a run, or of its hooks. */
async function logs(options: Options, env: NodeJS.ProcessEnv): Promise<number> {
  const records = findRecords(options, env)
  const run = records.ok ? findRun(records.value, options.run) : records
  if (!run.ok) {
    const isJob = records.ok && options.run === undefined && options.task !== undefined
    const job = !isJob ? '' : `; \`runner logs ${shellQuote(latestOf(options.task!))}\` is for a job`
    sayError(`runner: ${run.failure}${job}\n`)
    return records.ok ? exitStatus.noRun : exitStatus.config
  }
  const comes = options.follow && runStateOf(run.value) === 'running'
  if (options.task !== undefined && chosen(run.value, options).length === 0 && !comes) {
    const what = options.hook ? 'hook' : 'try'
    sayError(
      `runner: run ${run.value.started.run_id} has no ${what} of ${shown(options.task)}; ` +
        '`runner list` shows the tasks; ' +
        'the log of a job goes by 8 characters of the id of its execution or more, or by JOB@latest\n',
    )
    return exitStatus.noRun
  }
  if (options.verify) return verify(run.value, options)
  const gone = new AbortController()
  await printLogs(run.value, options, streamOut(process.stdout, gone.abort.bind(gone)), gone.signal)
  // main.ts prints the error of standard output.
  if (gone.signal.aborted && errorCode(gone.signal.reason) !== 'EPIPE') return exitStatus.internal
  return tellMissing(run.value, options) ? exitStatus.missing : exitStatus.ok
}

/** Prints which logs are missing although their task wrote something; gives whether any is. */
function tellMissing(run: RunRecord, options: Options): boolean {
  const gone = chosen(run, options).filter(({ ended }) => {
    const { file, bytes = 0 } = ended?.log ?? {}
    return bytes > 0 && (file === undefined || !existsSync(file))
  })
  for (const record of gone) {
    const { file, bytes } = record.ended!.log
    const why = file === undefined ? 'were not kept' : `are gone with ${file}`
    sayError(`runner: ${title(record, ', ')}: its ${counted(bytes, 'byte')} of output ${why}\n`)
  }
  return gone.length > 0
}

/** The logs that are asked for. */
function chosen({ tries, hooks }: RunRecord, { task, hook }: Options): LogRecord[] {
  const wanted = ({ started }: LogRecord) =>
    task === undefined || started.task === task || started.name === task
  return hook ? hooks.filter(wanted) : tries.filter(wanted)
}

/** The task, the try and the hook of a log. */
function ownerOf({ started }: LogRecord) {
  const { task, kind, try_num } = started
  const hook = 'hook' in started ? { hook: started.hook } : {}
  return { task, kind, try_num, ...hook }
}

function title(record: LogRecord, separator: string): string {
  const { task, try_num, hook } = ownerOf(record)
  return [shown(task), `try ${try_num}`, ...(hook === undefined ? [] : [`${hook} hook`])].join(separator)
}

function verify(run: RunRecord, options: Options): number {
  const results = chosen(run, options).map(record => ({
    record,
    found: verifyLog(record, run.ended !== undefined),
  }))
  if (options.json) {
    const facts = results.map(({ record, found }) => ({ ...ownerOf(record), ...found }))
    printJson(facts)
  } else
    for (const { record, found } of results) {
      const { verdict, late_bytes, message } = found
      const late =
        late_bytes > 0 ? `, and ${counted(late_bytes, 'byte')} that came later from the background` : ''
      const why = message === undefined ? '' : ` (${message})`
      print(`${title(record, ' ')}: ${verdict}${why}${late}\n`)
    }
  const good = results.every(({ found }) => found.verdict === 'whole' || found.verdict === 'open')
  return good ? exitStatus.ok : exitStatus.missing
}

/**
 * Prints logs one after the other; when following, until the run has ended or standard output cannot be
 * written any more.
 */
async function printLogs(run: RunRecord, options: Options, stream: Out, gone: AbortSignal): Promise<void> {
  const out = new JobOutput(stream)
  const logs = new Map<string, { reader: LogReader; decoder: TextDecoder }>()
  let last: string | undefined
  for (;;) {
    const running = runStateOf(run) === 'running'
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

const defineLogsCommand = definesCommandsWith(command => serverOptions(recordOptions(command)))

export const command = defineLogsCommand({
  description: 'print what the tasks of a run wrote, or an execution of the server',
  options,
  notes: `A number is a run of this host; 8 hexadecimal digits or more are an execution, and so is JOB@latest.
--offset, --timestamps and the options that say which server are for executions; --hook, --verify and
--task-dir for runs.

Exit status: 0; 1 a log is not there, or with --verify not whole; 7 no such run, task or execution; 64 usage;
69 the server cannot be reached; 77 it refuses; 78 no usable configuration, or no token.`,
  examples: [
    'runner logs -f',
    'runner logs disk',
    'runner logs 12 disk',
    'runner logs disk --hook',
    'runner logs --verify',
    'runner logs -f 0199f3c2-81aa',
    'runner logs nightly@latest',
  ],
  async action(options, [first, second], env) {
    if (first !== undefined && namesExecution(first)) {
      if (second !== undefined || options.hook || options.verify) {
        sayError(`runner: ${first} is an execution, which has no tasks, no hooks and nothing to verify\n`)
        return exitStatus.usage
      }
      if (options.timestamps && options.json) {
        sayError('runner: --timestamps is not for --json\n')
        return exitStatus.usage
      }
      const { printExecutionLog } = await import('../operator/log.ts')
      return printExecutionLog({ ...options, offset: options.offset ?? 0 }, first, env)
    }
    if (options.offset !== undefined || options.timestamps) {
      const option = options.timestamps ? '--timestamps' : '--offset'
      sayError(`runner: ${option} is for the log of an execution\n`)
      return exitStatus.usage
    }
    // A single word that is not a number is a task.
    const alone = second === undefined && first !== undefined && !/^\d+$/.test(first)
    if (alone || first === undefined) return logs({ ...options, run: undefined, task: first }, env)
    if (isRunNumber(first)) return logs({ ...options, run: Number(first), task: second }, env)
    sayError(`runner: ${first} is not the number of a run\n`)
    return exitStatus.usage
  },
})
