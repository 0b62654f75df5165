/*
 * Copies the log of a pod into a file. The cluster gives a log from its beginning alone, and by no offset:
 * after a break of the connection, or of runner, the copy reads it again and compares it with what it has.
 * Where that differs, the node has thrown the beginning away, and the copy says so in its place.
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import type { Clock } from '../../../edges.ts'
import { errorText } from '../../../result.ts'
import { type Notifier, pause } from '../../../system/wait.ts'
import type { ClusterApi } from './api.ts'
import type { JobRecords } from './kept.ts'

/** Seconds between two tries to get the log. */
const retryAfter = 0.5
/** Seconds after the end in which the log must come: the node may be lost. */
const patience = 60

const { O_RDWR, O_CREAT } = constants

/**
 * The beginnings of a node's messages that it does not have a container any more: they are in the log, as if
 * the job had written them.
 */
const refusals = ['rpc error: code = ', 'unable to retrieve container logs for ']
/** Bytes at the most; the id of the container is in it. */
const longestRefusal = 1024

/** Where such a text may begin that ends with these bytes; their length if there is none. */
function refusalStart(bytes: Buffer): number {
  const last = bytes.subarray(-longestRefusal).toString('latin1')
  const starts = refusals.map(text => startIn(last, text)).filter(start => start !== undefined)
  return starts.length === 0 ? bytes.length : bytes.length - last.length + Math.max(...starts)
}

/** Where a line begins that has a text, or the beginning of it, and is the last one. */
function startIn(last: string, text: string): number | undefined {
  const whole = last.lastIndexOf(text)
  if (whole >= 0) return last.slice(whole, -1).includes('\n') ? undefined : whole
  for (let length = text.length - 1; length > 0; length--)
    if (last.endsWith(text.slice(0, length))) return last.length - length
  return undefined
}

/** The text in a log in the place of a part that the node has thrown away. */
export const gapText = '\n[runner: the node has thrown away a part of this log before runner had read it]\n'

/** The text at the end of a log that could not be read to its end. */
const cutText = (why: string) => `\n[runner: the rest of this log cannot be read: ${why}]\n`

export interface LogCopyOptions {
  api: Pick<ClusterApi, 'log'>
  pod: string
  records: JobRecords
  clock: Clock
  /** Whether nothing is written any more; the log is read once more then. */
  hasEnded(): boolean
  /** The id of the container, as a node says it. */
  containerId(): string | undefined
  /** Whether the cluster has the pod no more, or is removing it with its log. */
  isGoing(): boolean
  isGone(): boolean
  /** Notified when that may have changed. */
  changed: Notifier
  /** Called when the copy has grown. */
  onGrown(): void
  /** Watches no more. */
  signal: AbortSignal
}

/**
 * Copies until the log is whole, as far as it can be had; resolves to false where it was ended before that.
 */
export async function copyLog(options: LogCopyOptions): Promise<boolean> {
  const { hasEnded, isGoing, isGone, clock, changed, signal } = options
  const copy = new Copy(options)
  let late: number | undefined
  let wasRead = false
  /** Why the last reading did not come to the end of what was there. */
  let missing: string | undefined = 'it was not read'
  try {
    while (!signal.aborted) {
      // This is asked before the log is read: a read after the end gets everything.
      const ended = hasEnded()
      if (ended) late ??= clock.monotonic() + patience
      // The node removes a log with its pod, so it was read to its end before or not at all.
      if (ended && isGoing() && missing === undefined) return true
      const gone = isGone()
      const read = await copy.read(!ended)
      if (signal.aborted) break
      if (ended && read.at === 'end') return true
      if (read.at === 'end') missing = undefined
      else if (read.at === 'broken' || !wasRead) missing = read.message
      wasRead ||= read.at !== 'refused'
      if (gone || clock.monotonic() > (late ?? Number.POSITIVE_INFINITY)) {
        if (missing !== undefined) copy.say(cutText(missing))
        return true
      }
      if (read.at !== 'end' || !hasEnded()) await pause(clock, retryAfter, changed, signal)
    }
    return false
  } finally {
    copy.close()
  }
}

/** The point at which a reading of a log ended. */
type Reading = { at: 'end' } | { at: 'broken' | 'refused'; message: string }

class Copy {
  readonly #options: LogCopyOptions
  readonly #fd: number
  /** Where in the file the log begins that the cluster gives. */
  #base: number

  constructor(options: LogCopyOptions) {
    this.#options = options
    const { records } = options
    this.#fd = openSync(records.log, O_RDWR | O_CREAT, 0o600)
    this.#base = Number(records.read('gap') ?? 0)
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** Reads the log from its beginning. */
  async read(follow: boolean): Promise<Reading> {
    const { api, pod, signal } = this.#options
    const opened = await api.log(pod, follow, signal)
    if (!opened.ok) return { at: 'refused', message: opened.failure.message }
    let at = this.#base
    let held: Uint8Array = Buffer.alloc(0)
    try {
      for await (const bytes of opened.value) {
        const all = Buffer.concat([held, bytes])
        const end = refusalStart(all)
        at = this.#take(all.subarray(0, end), at)
        held = all.subarray(end)
      }
      const id = this.#options.containerId()
      if (held.length === 0 || id === undefined || !Buffer.from(held).includes(id)) {
        this.#take(held, at)
        return { at: 'end' }
      }
      // Behind a log it says that the container has gone since, in the place of one that the log has.
      return at > this.#base ? { at: 'end' } : { at: 'refused', message: Buffer.from(held).toString().trim() }
    } catch (error) {
      return { at: 'broken', message: errorText(error) }
    }
  }

  /** Appends a text of runner's own. */
  say(text: string): void {
    this.#write(Buffer.from(text), this.#size)
  }

  /** The size now: another watch of the same job may have written to the file. */
  get #size(): number {
    return fstatSync(this.#fd).size
  }

  /** Takes bytes that belong at a place in the file; gives the place of the next ones. */
  #take(bytes: Uint8Array, at: number): number {
    const known = Math.min(bytes.length, Math.max(0, this.#size - at))
    if (known > 0 && !this.#has(bytes.subarray(0, known), at)) {
      this.say(gapText)
      this.#base = this.#size
      this.#options.records.write('gap', String(this.#base))
      return this.#take(bytes, this.#base)
    }
    if (known < bytes.length) this.#write(bytes.subarray(known), at + known)
    return at + bytes.length
  }

  #has(bytes: Uint8Array, at: number): boolean {
    const there = Buffer.alloc(bytes.length)
    return readSync(this.#fd, there, 0, there.length, at) === bytes.length && there.equals(bytes)
  }

  #write(bytes: Uint8Array, at: number): void {
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#fd, bytes, done, bytes.length - done, at + done)
    this.#options.onGrown()
  }
}
