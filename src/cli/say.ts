import { harmless } from '../process/printable.ts'
import { neverBlock } from '../report/stream.ts'

/** Bytes that wait for whoever reads standard error; more is left out. */
const mostWaiting = 1024 * 1024

let guarded = false
let leftOut = 0
let fresh = () => {}

/**
 * Writes to standard error what runner itself says, on a line of its own. A reader that has gone is no error, and one
 * that does not read, as a terminal after Ctrl-S, misses what is too much to wait for.
 */
export function sayError(text: string): void {
  sayRaw(harmless(text))
}

/** The same for a text that moves the cursor on purpose. */
export function sayRaw(text: string): void {
  const { stderr } = process
  if (!guarded) {
    stderr.on('error', () => {}).on('drain', sayLeftOut)
    neverBlock(stderr)
  }
  guarded = true
  fresh()
  if (stderr.writableLength > mostWaiting) leftOut++
  else stderr.write(text)
}

function sayLeftOut(): void {
  if (leftOut === 0) return
  const text = `runner: standard error was not read: ${leftOut} messages are not shown\n`
  leftOut = 0
  process.stderr.write(text)
}

/** Has something done before runner says anything: a job may have left a line half written on the same terminal. */
export function beforeSaying(action: () => void): void {
  fresh = action
}

/** Resolves when standard output has taken all of what was written: what is said next comes behind it. */
export function printed(): Promise<void> {
  return new Promise(resolve => process.stdout.write('', () => resolve()))
}

/** Writes to standard output: as it is, but nothing hostile onto a terminal. */
export function print(text: string | Uint8Array): void {
  if (!process.stdout.isTTY) process.stdout.write(text)
  else process.stdout.write(harmless(typeof text === 'string' ? text : Buffer.from(text).toString()))
}
