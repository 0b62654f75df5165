import { randomBytes } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { seal, unseal } from '../protocol/seal.ts'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import type { Keys } from './context.ts'
import type { Writer } from './store/store.ts'

const keyBytes = 32

/** Sealing under a key of 32 bytes. */
export function keysOf(key: Uint8Array): Keys {
  return {
    sealAtRest: text => seal(text, key),
    openAtRest(text) {
      const opened = unseal(text, key)
      if (!opened.ok) throw new Error('this was sealed under another key, or is damaged')
      return opened.value.toString()
    },
  }
}

/** The key in a file that nobody else can read; `make`: made where there is none. Fails with a sentence. */
export function readKeyFile(file: string, make: boolean): Result<Buffer, string> {
  for (;;) {
    try {
      const fd = openSync(file, 'r')
      try {
        if ((fstatSync(fd).mode & 0o077) !== 0)
          return fail(`key_file ${file} can be read by others: chmod 600 ${file}`)
        const key = readFileSync(fd)
        if (key.length !== keyBytes)
          return fail(`key_file ${file} has ${key.length} bytes; a key has ${keyBytes}`)
        return ok(key)
      } finally {
        closeSync(fd)
      }
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || !make)
        return fail(`key_file ${file} cannot be read: ${errorText(error)}`)
    }
    try {
      writeFileSync(file, randomBytes(keyBytes), { mode: 0o600, flag: 'wx', flush: true })
    } catch (error) {
      // Another server was faster: its key counts.
      if (errorCode(error) !== 'EEXIST') return fail(`key_file ${file} cannot be made: ${errorText(error)}`)
    }
  }
}

const checkKey = 'key-check'
const checkText = 'runner'

/** Whether a store is sealed under this key; a store without a check value takes that of this key. */
export async function isKeyOf(tx: Writer, keys: Keys): Promise<boolean> {
  const sealed = await tx.meta(checkKey)
  if (sealed === undefined) {
    tx.setMeta(checkKey, keys.sealAtRest(checkText))
    return true
  }
  try {
    return keys.openAtRest(sealed) === checkText
  } catch {
    return false
  }
}
