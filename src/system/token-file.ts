import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import { asciiWord } from './printable.ts'
import { shellQuote } from './shell-quote.ts'

/** The form of a token, as a pattern of JSON Schema: a header carries it as it is. */
export const tokenPattern = `^${asciiWord}{1,512}$`

const token = new RegExp(tokenPattern)

/** Whether a text has the form of a token. */
export const isToken = (text: string): boolean => token.test(text)

/**
 * The token that a file holds, without white space around it. Fails with a sentence that ends in `hint`, the
 * way to another token; a file that holds something else is not sent to any server.
 */
export function readTokenFile(file: string, hint: string): Result<string, string> {
  try {
    const text = readFileSync(file, 'utf8').trim()
    return isToken(text) ? ok(text) : fail(`there is no token in ${file}: ${hint}`)
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'the file does not exist' : errorText(error)
    return fail(`the token in ${file} cannot be read: ${why}; ${hint}`)
  }
}

/**
 * A warning where every user of this host can read the token in a file; undefined where none but its group
 * can.
 */
export function exposedToken(file: string): string | undefined {
  const path = resolve(file)
  if (!allows(path, 0o004)) return undefined
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (!allows(folder, 0o001)) return undefined
    if (folder === dirname(folder)) break
  }
  return `every user of this host can read the token in ${path}: chmod 600 ${shellQuote(path)}`
}

/** Whether the mode of a file has a bit; false where there is no such file. */
function allows(path: string, bit: number): boolean {
  try {
    return (statSync(path).mode & bit) !== 0
  } catch {
    return false
  }
}
