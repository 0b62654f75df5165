import { readFileSync, statSync } from 'node:fs'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import { shellQuote } from './shell-quote.ts'

/** The most bytes that the file of a secret may have. */
const mostBytes = 4096

/**
 * The secret that a file holds, without white space around it. Fails with a sentence, also where every user
 * of this host can read the file.
 */
export function readSecretFile(key: string, file: string): Result<string, string> {
  try {
    const { mode, size } = statSync(file)
    if ((mode & 0o007) !== 0)
      return fail(`${key} ${file} can be used by every user of this host: chmod 600 ${shellQuote(file)}`)
    if (size > mostBytes) return fail(`${key} ${file} has ${size} bytes, and ${mostBytes} are the most`)
    const text = readFileSync(file, 'utf8').trim()
    return text === '' ? fail(`${key} ${file} is empty`) : ok(text)
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'it is not there' : errorText(error)
    return fail(`${key} ${file} cannot be read: ${why}`)
  }
}
