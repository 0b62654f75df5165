/*
 * The key files of a store while its key is being replaced (rekey.ts). Each moment leaves a key that opens
 * the store:
 *
 *   KEY                      the key of the store
 *   KEY, KEY.next            the new key is on disk; the check in the store says which of the two is in force
 *   KEY, KEY.old-XXXXXXXX    the new key has the place of the former one, which is kept for old backups
 *
 * A rekey that was cut off in the middle state is completed where the store has the new check, and forgotten
 * where it has the former one.
 */
import { chownSync, linkSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import { sync, writeDurably } from '../system/durable-file.ts'
import { StoreFailure } from './failure.ts'
import { formerKey, type KeyProblem, keysOf, readKey } from './seal-key.ts'

/** The state that an interrupted rekey has left. */
export interface Interrupted {
  outcome: 'completed' | 'forgotten'
  /** Where the former key is now. */
  former?: string | undefined
}

/** Links are followed: a rename must replace the key, and not the link to it. */
function realKey(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return path
    throw error
  }
}

const nextKey = (path: string) => `${path}.next`
/** The file that `writeDurably` leaves if it is killed. */
const draftOf = (path: string) => `${path}.new`

/** Puts a new key beside the present one, with the same owner: on disk when this returns. */
export function writeNextKey(keyFile: string, key: Uint8Array): void {
  const path = realKey(keyFile)
  const next = nextKey(path)
  writeDurably(next, key)
  // Root may do it for the user that the server runs as.
  const [present, own] = [statSync(path), statSync(next)]
  if (present.uid !== own.uid || present.gid !== own.gid) chownSync(next, present.uid, present.gid)
}

/** Takes a new key away that no row is sealed under. */
export function forgetNextKey(keyFile: string): void {
  const path = realKey(keyFile)
  for (const file of [nextKey(path), draftOf(nextKey(path))]) rmSync(file, { force: true })
  sync(dirname(path))
}

/** Keeps the present key under another name, which is returned, and puts the new one in its place. */
export function useNextKey(keyFile: string): string | undefined {
  const path = realKey(keyFile)
  const present = readKey(path)
  const former = present instanceof Uint8Array ? formerKey(path, keysOf(present).check) : undefined
  if (former !== undefined)
    try {
      linkSync(path, former)
      sync(dirname(path))
    } catch (error) {
      // Its name says which key it is, so it is the same key.
      if (errorCode(error) !== 'EEXIST') throw error
    }
  renameSync(nextKey(path), path)
  sync(dirname(path))
  return former
}

/**
 * Ends a rekey that was interrupted, where one was: `check` is that of the store. `keepCheck` makes it last
 * before the key files follow it. Throws a `StoreFailure` where the store does not work.
 */
export async function settleKeys(
  keyFile: string,
  check: string,
  keepCheck: () => Promise<void>,
): Promise<Result<Interrupted | undefined, KeyProblem>> {
  try {
    const path = realKey(keyFile)
    const next = readKey(nextKey(path))
    if (next === undefined) {
      rmSync(draftOf(nextKey(path)), { force: true })
      return ok(undefined)
    }
    const present = readKey(path)
    const isPresent = present instanceof Uint8Array && keysOf(present).check === check
    if (!isPresent && typeof next === 'string') return fail(next)
    const isNext = next instanceof Uint8Array && keysOf(next).check === check
    if (!isPresent && !isNext) return ok(undefined)
    await keepCheck()
    if (!isPresent) return ok({ outcome: 'completed', former: useNextKey(path) })
    forgetNextKey(path)
    return ok({ outcome: 'forgotten' })
  } catch (error) {
    if (error instanceof StoreFailure) throw error
    return fail(`the key file ${keyFile} cannot be used: ${errorText(error)}`)
  }
}

/** The key that a store with this check has: in the key file, or in one beside it. */
export function keyWith(keyFile: string, check: string): Uint8Array | undefined {
  const path = realKey(keyFile)
  // Twice in the key file: a rekey may put the next one there just now.
  for (const file of [path, nextKey(path), path, formerKey(path, check)]) {
    const key = readKey(file)
    if (key instanceof Uint8Array && keysOf(key).check === check) return key
  }
  return undefined
}
