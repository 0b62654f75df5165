let guarded = false

/** Writes to standard error. A reader that has gone is no error. */
export function sayError(text: string): void {
  if (!guarded) process.stderr.on('error', () => {})
  guarded = true
  process.stderr.write(text)
}
