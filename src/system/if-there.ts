import { errorCode } from '../result.ts'

/**
 * The result of a call about a path; undefined if there is nothing at that path. A check before the call
 * would not be enough: another process may remove the path in between. Throws other system errors.
 */
export function ifThere<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
