import { harmless, jsonText } from '../system/printable.ts'
import { neverBlock } from './stream.ts'

/** The most bytes that wait for the reader of standard error; further messages are left out. */
const mostWaiting = 1024 * 1024

// State of standard error. A process has one standard error, so all writers share this state like the buffer.
// An object would have to be passed to every command, and a message must come out also before anything has
// been set up.
let guarded = false
let leftOut = 0
let fresh = () => {}

/**
 * Writes a message of runner itself to standard error, on a line of its own. A reader that has gone is not an
 * error; a reader that does not read, as a terminal after Ctrl-S, misses messages beyond `mostWaiting` bytes.
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
  const what = leftOut === 1 ? '1 message is' : `${leftOut} messages are`
  const text = `runner: standard error was not read: ${what} not shown\n`
  leftOut = 0
  process.stderr.write(text)
}

/** Calls a function before each message: a job may have left a line half written on the same terminal. */
export function beforeSaying(action: () => void): void {
  fresh = action
}

/** Resolves when standard output has taken all that was written, so that the next message comes after it. */
export function printed(): Promise<void> {
  return new Promise(resolve => process.stdout.write('', () => resolve()))
}

/** Writes to standard output; onto a terminal without control characters that could do harm. */
export function print(text: string | Uint8Array): void {
  if (!process.stdout.isTTY) process.stdout.write(text)
  else process.stdout.write(harmless(typeof text === 'string' ? text : Buffer.from(text).toString()))
}

/** Writes one JSON value and the end of its line, as `--json` prints it. */
export function printJson(value: unknown): void {
  print(`${jsonText(value)}\n`)
}
