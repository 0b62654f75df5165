import { statSync } from 'node:fs'
import { errorText } from '../result.ts'

/** Why there is no store in a file for this user, as a sentence; undefined: there is a file. */
export function noStoreIn(file: string): string | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false }) === undefined
      ? `there is no store in ${file}`
      : undefined
  } catch (error) {
    return `the store ${file} cannot be read: ${errorText(error)}; be the user that the server runs as`
  }
}
