import { split } from 'shlex'
import { fail, ok, type Result } from '../result.ts'

/** Splits a command into words as a shell does: quotes and backslashes count, nothing is expanded. */
export function splitWords(command: string): Result<string[], string> {
  try {
    return ok(split(command))
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
}
