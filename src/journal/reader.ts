import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import { foldRun, type Recorded, type RecordedOf, type RunRecord } from './run-record.ts'
import { journalFile, lostFile } from './writer.ts'

/** The reason why a run has no record, and its task directory, if that is known. */
export interface Unreadable {
  /** The run had not begun, so it has done nothing. */
  begun: boolean
  message: string
  taskDir?: string
  /** The readable part of the record. */
  rest?: RunRecord
}

/** Reads the journal of a run. A last line that is half written is not an error. */
export function readRun(runDir: string): Result<RunRecord, Unreadable> {
  let text: string
  try {
    text = readFileSync(join(runDir, journalFile), 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return fail(withoutJournal(runDir))
    return fail({ begun: true, message: `its journal cannot be read: ${errorText(error)}` })
  }
  const lines = text.split('\n')
  // The text after the last line feed is empty, or was being written when the process ended.
  lines.pop()
  if (lines.length === 0) return fail({ begun: false, message: 'it had not begun' })
  const [first, ...rest] = lines.map(parse)
  if (!isBeginning(first))
    return fail({ begun: true, message: 'line 1 of its journal is not the beginning of a run' })
  const taskDir = first.task_dir
  if (first.format !== 1 && first.format !== 2) {
    const message = `its journal has format ${first.format}; this version reads formats 1 and 2`
    return fail({ begun: true, message, taskDir })
  }
  const broken = rest.indexOf(undefined)
  const run = foldRun(first, rest)
  if (broken === -1) return ok(run)
  return fail({
    begun: true,
    message: `line ${broken + 2} of its journal is not an event`,
    taskDir,
    rest: run,
  })
}

/**
 * The failure for a run without a journal, which may have been renamed because it could not be kept to the
 * end.
 */
function withoutJournal(runDir: string): Unreadable {
  try {
    const [first, ...rest] = readFileSync(join(runDir, lostFile), 'utf8').split('\n').map(parse)
    const known = isBeginning(first) ? { taskDir: first.task_dir, rest: foldRun(first, rest) } : {}
    return { begun: true, message: 'its record was lost on the way', ...known }
  } catch {
    return { begun: false, message: 'it had not begun' }
  }
}

function isBeginning(event: Recorded | undefined): event is RecordedOf<'run:started'> {
  return (
    event?.event === 'run:started' &&
    typeof event.task_dir === 'string' &&
    typeof event.boot_id === 'string' &&
    typeof event.run_id === 'number' &&
    Array.isArray(event.tasks) &&
    event.tasks.every(task => typeof task?.task === 'string')
  )
}

function parse(line: string): Recorded | undefined {
  try {
    const value = JSON.parse(line)
    return typeof value.event === 'string' && !Number.isNaN(Date.parse(value.at)) ? value : undefined
  } catch {
    return undefined
  }
}
