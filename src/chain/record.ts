import type { Emit, Event } from '../event.ts'
import { newRunDir, type RunDir } from '../journal/files.ts'
import { type Journal, openJournal } from '../journal/writer.ts'
import { errorText } from '../result.ts'
import type { RunOptions } from './run-options.ts'

/** The record of a run: its directory, if it has one, its journal, and the events on their way through it. */
export interface Recording {
  runDir: RunDir | undefined
  /** Writes an event into the journal first, and then passes it on. */
  emit: Emit
  journal: Journal
}

const noJournal: Journal = { write() {}, async flush() {}, async [Symbol.asyncDispose]() {} }

/**
 * Begins the record of a run. Where a record cannot be kept, the run continues without one, with a notice.
 */
export function beginRecord(options: Pick<RunOptions, 'state' | 'emit' | 'edges'>): Recording {
  const runDir = makeRunDir(options)
  const journal = runDir === undefined ? noJournal : journalIn(runDir, options)
  const emit = (event: Event) => {
    journal.write(event)
    return options.emit(event)
  }
  return { runDir, emit, journal }
}

function makeRunDir({ state, emit }: Pick<RunOptions, 'state' | 'emit'>): RunDir | undefined {
  if (state === undefined) return undefined
  try {
    return newRunDir(state)
  } catch (error) {
    emit({ event: 'notice', reason: 'state-lost', message: `this run keeps no record: ${errorText(error)}` })
    return undefined
  }
}

function journalIn(runDir: RunDir, { emit, edges }: Pick<RunOptions, 'emit' | 'edges'>): Journal {
  const lose = (error: unknown) => {
    const message = `this run keeps no record any more, and cannot be resumed: ${errorText(error)}`
    emit({ event: 'notice', reason: 'state-lost', message })
  }
  try {
    return openJournal(runDir.path, edges.clock, lose)
  } catch (error) {
    lose(error)
    return noJournal
  }
}
