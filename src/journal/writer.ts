import { closeSync, fdatasync, fstatSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Clock } from '../edges.ts'
import type { Event } from '../event.ts'
import { syncBeside } from './files.ts'

/** The file of a run's events, in the directory of the run. */
export const journalFile = 'events.jsonl'
/** What it is called once it could not be kept to the end: nothing may go on with such a run. */
export const lostFile = 'events.lost.jsonl'

/** The durable record of one run (docs/journal.md). */
export interface Journal extends AsyncDisposable {
  /**
   * Appends an event, in the file when this returns, and on the disk soon after; output is not part of it. A
   * disk that is full costs the record: `onLost` is told once, and no more is written.
   */
  write(event: Event): void
  /** Resolves when all that was written is on the disk, or is known not to be. */
  flush(): Promise<void>
}

/** Begins the journal of a run. Throws system errors. */
export function openJournal(runDir: string, clock: Clock, onLost: (error: unknown) => void): Journal {
  const path = join(runDir, journalFile)
  const fd = openSync(path, 'ax', 0o600)
  const { dev, ino } = fstatSync(fd)
  /** Whether it is to be found under its name: not where the directory has been removed, moved or replaced. */
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
      // Its directory cannot be written either.
    }
    onLost(error)
  }
  /** At most one sync is under way; what is written meanwhile waits for the next. */
  let written = 0
  let synced = 0
  let syncing: Promise<void> | undefined
  const sync = async () => {
    // What is written in one go is synced in one go.
    await new Promise(resolve => setImmediate(resolve))
    try {
      // The first time the names on the way to the file, too.
      if (synced === 0) await Promise.all([runDir, dirname(runDir)].map(syncBeside))
      while (synced < written && !lost) {
        const until = written
        await dataSync(fd)
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

const dataSync = promisify(fdatasync)
