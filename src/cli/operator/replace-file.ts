import { renameSync, rmSync, writeFileSync } from 'node:fs'

/** Writes a file that only its owner can read, whole or not at all. Throws what the system says. */
export function replaceFile(file: string, text: string): void {
  const fresh = `${file}.new`
  try {
    rmSync(fresh, { force: true })
    writeFileSync(fresh, text, { mode: 0o600, flag: 'wx', flush: true })
    renameSync(fresh, file)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
}
