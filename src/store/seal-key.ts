/*
 * The key file: 32 bytes under which the server seals what must not be read from its store or its backups. A
 * store knows its key by a check value, so that another key is noticed at the start and not by the first
 * secret.
 */

import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { seal, unseal } from '../protocol/seal.ts'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import { createDurably } from '../system/durable-file.ts'
import { diskFullText, isDiskFull } from './failure.ts'

const keyBytes = 32
/** A sentence for a person: the problem with a key file, and the way to solve it. */
export type KeyProblem = string

/** Seals secrets for the store, and opens them again. */
export interface SealKeys {
  sealAtRest(text: string): string
  /** Throws where it was sealed under another key, or is damaged. */
  openAtRest(text: string): string
  /** A text for an owner, which tells nothing of the owner and is the same while the key is the same. */
  domainOf(owner: string): string
  /**
   * The lease of one attempt for one runner, as a UUID. Nobody else can make it, so it shows that this server
   * has handed the attempt to that runner, even where the store has forgotten it.
   */
  leaseOf(attempt: { id: string; attempt: number }, runnerId: string): string
  /** The text by which a store knows its key; it tells nothing about the key. */
  readonly check: string
}

/** Sealing under a key of 32 bytes. */
export function keysOf(key: Uint8Array): SealKeys {
  const { createHmac } = process.getBuiltinModule('node:crypto')
  const leaseKey = createHmac('sha256', key).update('runner server: lease key 1').digest()
  return {
    check: createHmac('sha256', key).update('runner server: key check 1').digest('hex'),
    domainOf: owner =>
      createHmac('sha256', key).update(`runner server: trust domain 1 ${owner}`).digest('hex').slice(0, 32),
    leaseOf: ({ id, attempt }, runnerId) =>
      asUuid(createHmac('sha256', leaseKey).update(`${id} ${attempt} ${runnerId}`).digest('hex')),
    sealAtRest: text => seal(text, key),
    openAtRest(text) {
      const opened = unseal(text, key)
      if (!opened.ok) throw new Error('this was sealed under another key, or is damaged')
      return opened.value.toString()
    },
  }
}

/** The first 122 bits as a UUID of version 8. */
export const asUuid = (hex: string): string => {
  const variant = '89ab'[Number.parseInt(hex[15]!, 16) & 3]
  const after = `8${hex.slice(12, 15)}-${variant}${hex.slice(16, 19)}-${hex.slice(19, 31)}`
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${after}`
}

/**
 * The key of a store that remembers `check`; of a new store (undefined) the key file is made where there is
 * none, mode 0600, on disk before this returns.
 */
export function openKeys(path: string, check: string | undefined): Result<SealKeys, KeyProblem> {
  try {
    const key = readKey(path) ?? (check === undefined ? makeKey(path) : undefined)
    if (key === undefined)
      return fail(
        `the key file ${path} is not there, and the secrets of the store are sealed with it: bring it back`,
      )
    if (typeof key === 'string') return fail(key)
    const keys = keysOf(key)
    if (check !== undefined && check !== keys.check)
      return fail(`the key in ${path} is not the one with which the store is sealed: ${remedy(path, check)}`)
    return ok(keys)
  } catch (error) {
    if (isDiskFull(error)) return fail(diskFullText(`the key file ${path}`))
    return fail(`the key file ${path} cannot be used: ${errorText(error)}`)
  }
}

/** Where a rekey keeps the key of this check. */
export const formerKey = (path: string, check: string): string => `${path}.old-${check.slice(0, 8)}`

function remedy(path: string, check: string): string {
  const former = formerKey(path, check)
  return existsSync(former)
    ? `a rekey has kept that one as ${former}: put a copy in the place of ${path}`
    : 'bring back the right key file'
}

/** The key, or what is wrong with its file; undefined where there is none. */
export function readKey(path: string): Buffer | KeyProblem | undefined {
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

/** Makes a key. */
export const newKey = (): Buffer => process.getBuiltinModule('node:crypto').randomBytes(keyBytes)

/** Makes a key file; never half of one, and never over another. */
function makeKey(path: string): Buffer {
  const key = newKey()
  createDurably(path, key)
  return key
}
