/*
 * The store of the server: rows (rows.ts), and the questions (reader.ts) and changes (writer.ts) that the
 * rest of the server may ask for. One interface, one suite of tests (test/store/conformance.ts), two engines:
 * SQLite beside its files, and PostgreSQL.
 *
 * Every change is made by a *writer*: a function that reads rows, decides, and puts rows back. Writers run
 * one after the other, so whatever two of them race for, the first decides; those that arrive together share
 * one transaction, and are answered when it is on disk, as far as they are to be durable. A writer that fails
 * has changed nothing. Rows are values: never change one, put another.
 *
 * Times are milliseconds since the epoch by the store's clock; deadlines are *watched time*
 * (watched-time.ts), which stands still while no sweep looks and does not jump.
 */

import type { Reader } from './reader.ts'
import type { Topic } from './topic.ts'
import type { WatchedTime } from './watched-time.ts'
import type { Writer } from './writer.ts'

export interface WriteOptions {
  /** Rows that the writer will ask for: all of a batch are read at once. */
  executions?: readonly string[]
  runners?: readonly string[]
  definitions?: readonly string[]
  logs?: readonly string[]
  jobs?: readonly string[]
  groups?: readonly string[]
  /** Runners of whose groups the writer will ask for the rows. */
  groupsOf?: readonly string[]
  idempotency?: readonly { token_id: string; key: string }[]
  /** Runners of which the writer will ask `heldBy`. */
  held?: readonly string[]
  /** At most so many `queueHeads` of a queue the writer will ask for, and their definitions. */
  heads?: number
  /**
   * By default true: the writer is answered when its change is on disk. False: it is answered when its change
   * is kept, which is enough for a lease.
   */
  durable?: boolean
}
export interface Store extends AsyncDisposable {
  readonly engine: 'sqlite' | 'postgres'
  readonly watch: WatchedTime
  /**
   * Names the history that its data is in, where the engine knows: another one than before means that the
   * data was restored.
   */
  readonly lineage: string | undefined
  /**
   * Runs a writer once; resolves when what it changed is on disk, or only kept where it need not be. Throws
   * what the writer throws, and a `StoreFailure` where the store does not work: then nothing was changed,
   * unless it was the commit itself that failed.
   */
  write<T>(writer: (tx: Writer) => Promise<T>, options?: WriteOptions): Promise<T>
  /**
   * Reads what is committed, all of it as it was at one moment. Throws a `StoreFailure` where that cannot be
   * done.
   */
  read<T>(reader: (tx: Reader) => Promise<T>): Promise<T>
  /** Calls back for every notified topic, after its transaction; returns what ends that. */
  subscribe(listener: (topic: Topic) => void): () => void
  /** Fails where the store cannot be written to. */
  check(): Promise<void>
  /** Seconds that transactions took, for the metrics. */
  onTransaction(listener: (seconds: number, writers: number) => void): void
}
