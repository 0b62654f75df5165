/*
 * The key file: 32 bytes under which the server seals what must not be read from its store or its backups. A store
 * knows its key by a check value, so that another key is noticed at the start and not by the first secret.
 */
import { closeSync, fstatSync, fsyncSync, linkSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { seal, unseal } from '../protocol/seal.ts'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import type { Keys } from './context.ts'
import { diskFullText, isDiskFull } from './store/failure.ts'

const keyBytes = 32
/** A sentence for a person: what is wrong with a key file, and what to do. */
export type KeyProblem = string

/** Sealing under a key of 32 bytes. */
export function keysOf(key: Uint8Array): Keys {
  const { createHmac } = process.getBuiltinModule('node:crypto')
  return {
    check: createHmac('sha256', key).update('runner server: key check 1').digest('hex'),
    domainOf: owner =>
      createHmac('sha256', key).update(`runner server: trust domain 1 ${owner}`).digest('hex').slice(0, 32),
    sealAtRest: text => seal(text, key),
    openAtRest(text) {
      const opened = unseal(text, key)
      if (!opened.ok) throw new Error('this was sealed under another key, or is damaged')
      return opened.value.toString()
    },
  }
}

/**
 * The key of a store that remembers `check`; of a new store (undefined) the key file is made where there is none,
 * mode 0600, on disk before this returns.
 */
export function openKeys(path: string, check: string | undefined): Result<Keys, KeyProblem> {
  try {
    const key = readKey(path) ?? (check === undefined ? makeKey(path) : undefined)
    if (key === undefined)
      return fail(
        `the key file ${path} is not there, and what the store holds is sealed with it: bring it back`,
      )
    if (typeof key === 'string') return fail(key)
    const keys = keysOf(key)
    if (check !== undefined && check !== keys.check)
      return fail(
        `the key in ${path} is not the one with which the store was made: bring back the right key file`,
      )
    return ok(keys)
  } catch (error) {
    if (isDiskFull(error)) return fail(diskFullText(`the key file ${path}`))
    return fail(`the key file ${path} cannot be used: ${errorText(error)}`)
  }
}

/** The key, or what is wrong with its file; undefined where there is none. */
function readKey(path: string): Buffer | KeyProblem | undefined {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    if ((fstatSync(fd).mode & 0o077) !== 0)
      return `others than its owner can use the key file ${path}: chmod 600 ${path}`
    const bytes = Buffer.alloc(keyBytes + 1)
    const read = readSync(fd, bytes)
    return read === keyBytes
      ? bytes.subarray(0, read)
      : `the key file ${path} does not have ${keyBytes} bytes`
  } finally {
    closeSync(fd)
  }
}

/** Makes a key file; never half of one, and never over another. */
function makeKey(path: string): Buffer | KeyProblem | undefined {
  const key = process.getBuiltinModule('node:crypto').randomBytes(keyBytes)
  const draft = `${path}.${process.pid}.new`
  rmSync(draft, { force: true })
  const fd = openSync(draft, 'wx', 0o600)
  try {
    writeSync(fd, key)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  try {
    linkSync(draft, path)
  } finally {
    rmSync(draft)
  }
  syncDirectory(dirname(path))
  return key
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
