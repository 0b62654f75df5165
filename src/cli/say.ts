import { harmless } from '../process/printable.ts'

let guarded = false
let fresh = () => {}

/** Writes to standard error what runner itself says, on a line of its own. A reader that has gone is no error. */
export function sayError(text: string): void {
  sayRaw(harmless(text))
}

/** The same for a text that moves the cursor on purpose. */
export function sayRaw(text: string): void {
  if (!guarded) process.stderr.on('error', () => {})
  guarded = true
  fresh()
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
