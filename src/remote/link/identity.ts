/*
 * The identity of this runner: a UUID and an RSA key pair, made at the first start. The file also names the
 * machine on which they were made, so that a copy of the machine does not take the jobs of the original.
 */
import { generateKeyPair, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { defined, errorText, fail, ok, type Result } from '../../result.ts'
import { writeDurably } from '../../system/durable-file.ts'
import { isPathPart } from '../path-part.ts'
import { differenceOf, type Machine, readMachine } from './machine.ts'

export interface Identity {
  uuid: string
  /** SPKI in PEM. */
  public_key: string
  /** PKCS#8 in PEM. */
  private_key: string
  /** The id of the backend with which this runner last worked. */
  engine_id?: string
}

/** `identity.json`. Earlier releases wrote the machine id at the most, and nothing of the hardware. */
interface Record extends Machine {
  uuid: string
  engine_id?: string
}

const fileOf = (stateDir: string) => join(stateDir, 'identity.json')
const keyOf = (stateDir: string) => join(stateDir, 'key.pem')

/**
 * Reads the identity in a state directory, or makes one. Fails with a sentence if the identity was made on
 * another machine, or cannot be read.
 */
export async function loadIdentity(
  stateDir: string,
  machine: Machine = readMachine(stateDir),
): Promise<Result<Identity, string>> {
  const file = fileOf(stateDir)
  try {
    if (!existsSync(file)) return ok(await makeIdentity(stateDir, machine))
    const record = JSON.parse(readFileSync(file, 'utf8')) as Record
    const difference = differenceOf(record, machine)
    if (difference !== undefined) {
      const same =
        difference === 'machine_id'
          ? 'if this is the same machine with another machine id, ' +
            `write ${machine.machine_id} as machine_id into ${file}`
          : `if this is the same machine with another board or disk, remove hardware from ${file}`
      return fail(
        `the identity in ${stateDir} was made on another machine: ${same}; ` +
          'if this is a copy of that machine, take a new identity by `runner attach --new-identity`, ' +
          'which gives up the copied jobs and the results that were not delivered',
      )
    }
    rememberMachine(file, record, machine)
    const private_key = readFileSync(keyOf(stateDir), 'utf8')
    const { createPublicKey } = process.getBuiltinModule('node:crypto')
    const public_key = createPublicKey(private_key).export({ type: 'spki', format: 'pem' }).toString()
    const { uuid, engine_id } = record
    if (!isPathPart(uuid)) throw new Error('its uuid is not one')
    return ok({ uuid, public_key, private_key, ...defined({ engine_id }) })
  } catch (error) {
    return fail(
      `the identity in ${stateDir} cannot be read: ${errorText(error)}; ` +
        `restore it, or take a new one by \`runner attach --new-identity\``,
    )
  }
}

async function makeIdentity(stateDir: string, machine: Machine): Promise<Identity> {
  const { publicKey: public_key, privateKey: private_key } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 3072,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const uuid = randomUUID()
  // The key is written first: if this process ends in between, there is no identity yet.
  writeDurably(keyOf(stateDir), private_key)
  const record: Record = { uuid, ...machine }
  writeDurably(fileOf(stateDir), `${JSON.stringify(record)}\n`)
  return { uuid, public_key, private_key }
}

/** Adds to the file what is now known of the machine, which may have got a machine id or another disk. */
function rememberMachine(file: string, record: Record, machine: Machine): void {
  const hardware = { ...record.hardware, ...machine.hardware }
  const now = {
    ...record,
    ...machine,
    ...defined({ hardware: Object.keys(hardware).length === 0 ? undefined : hardware }),
  }
  if (JSON.stringify(now) === JSON.stringify(record)) return
  try {
    writeDurably(file, `${JSON.stringify(now)}\n`)
  } catch {
    // The next start tries again.
  }
}

/** Writes the id of the backend into the file. Throws system errors. */
export function rememberEngine(stateDir: string, engineId: string): void {
  const record = JSON.parse(readFileSync(fileOf(stateDir), 'utf8')) as Record
  if (record.engine_id === engineId) return
  writeDurably(fileOf(stateDir), `${JSON.stringify({ ...record, engine_id: engineId })}\n`)
}

/** The UUID of the identity in a state directory; undefined if there is no readable identity. */
export function uuidOf(stateDir: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(fileOf(stateDir), 'utf8')) as Record).uuid
  } catch {
    return undefined
  }
}

/** Removes an identity, so that the next start makes another. Throws system errors. */
export function removeIdentity(stateDir: string): void {
  rmSync(fileOf(stateDir), { force: true })
  rmSync(keyOf(stateDir), { force: true })
}
