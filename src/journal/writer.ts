import { closeSync, fstatSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../edges.ts'
import type { Event } from '../event.ts'
import { syncAppended, syncBeside } from '../system/durable-file.ts'
import { nextTurn } from '../system/wait.ts'

/** The name of the file with a run's events, in the directory of the run. */
export const journalFile = 'events.jsonl'
/** The name of a journal that could not be kept to the end: such a run cannot be resumed. */
export const lostFile = 'events.lost.jsonl'

/** The durable record of one run (docs/reference/journal.md). */
export interface Journal extends AsyncDisposable {
  /**
   * Appends an event, which is in the file when this returns, and on the disk soon after. The journal has no
   * output. On a full disk the record ends: the journal calls `onLost` once, and writes no further event.
   */
  write(event: Event): void
  /** Resolves when all events are on the disk, or are known to be lost. */
  flush(): Promise<void>
}

/** Begins the journal of a run. Throws system errors. */
export function openJournal(runDir: string, clock: Clock, onLost: (error: unknown) => void): Journal {
  const path = join(runDir, journalFile)
  const fd = openSync(path, 'ax', 0o600)
  const { dev, ino } = fstatSync(fd)
  /**
   * Whether the file can be found under its name: not if the directory has been removed, moved or replaced.
   */
  const isThere = () => {
    const now = statSync(path, { throwIfNoEntry: false })
    return now?.ino === ino && now.dev === dev
  }
  let lost = false
  const lose = (error: unknown) => {
    if (lost) return
    lost = true
    try {
      if (isThere()) renameSync(path, join(runDir, lostFile))
    } catch {
      // The directory of the journal cannot be written either, so the file keeps its name.
    }
    onLost(error)
  }
  /** At most one sync is under way; events that are written meanwhile wait for the next one. */
  let written = 0
  let synced = 0
  let syncing: Promise<void> | undefined
  const sync = async () => {
    // Events of one turn of the event loop share one sync.
    await nextTurn()
    try {
      // The first sync includes the names on the way to the file.
      if (synced === 0) await Promise.all([runDir, dirname(runDir)].map(syncBeside))
      while (synced < written && !lost) {
        const until = written
        await syncAppended(fd)
        synced = until
      }
    } catch (error) {
      lose(error)
    }
    syncing = undefined
  }
  return {
    write(event) {
      if (lost || 'data' in event) return
      const line = Buffer.from(`${JSON.stringify({ at: clock.now().toISOString(), ...event })}\n`)
      try {
        for (let done = 0; done < line.length; ) done += writeSync(fd, line, done)
        if (!isThere()) throw new Error('it has been removed or moved')
      } catch (error) {
        return lose(error)
      }
      written++
      syncing ??= sync()
    },
    flush: async () => await syncing,
    async [Symbol.asyncDispose]() {
      await syncing
      closeSync(fd)
    },
  }
}
