import { errorCode } from '../result.ts'

/**
 * What a call says of a path; undefined if there is nothing at that path. A look before the call would not
 * do: another process may remove the path in between. Throws other system errors.
 */
export function ifThere<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
