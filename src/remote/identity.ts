/*
 * Who this runner is: a UUID and an RSA key pair, made at the first start, and beside them the machine they were made
 * on, so that a copy of that machine does not fight it for its work.
 */
import { generateKeyPair, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errorText, fail, ok, type Result } from '../result.ts'
import { writeDurably } from './durable.ts'
import { labels } from './executors/container-settings.ts'
import { removeTree } from './executors/remove-tree.ts'
import { differenceOf, type Machine, readMachine } from './machine.ts'
import { isPathPart } from './path-part.ts'
import { namesInSpool, removeSpool } from './spool.ts'

export interface Identity {
  uuid: string
  /** SPKI in PEM. */
  public_key: string
  /** PKCS#8 in PEM. */
  private_key: string
  /** Of the engine that it last worked with. */
  engine_id?: string
}

/** With what was known of the machine; an earlier release knew its machine id at the most. */
interface Record extends Machine {
  uuid: string
  engine_id?: string
}

const fileOf = (stateDir: string) => join(stateDir, 'identity.json')
const keyOf = (stateDir: string) => join(stateDir, 'key.pem')

/**
 * Reads the identity in a state directory, or makes one. Fails with a sentence where it was made on another machine,
 * or cannot be read.
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
          ? `if this is the same one with another id, write ${machine.machine_id} as machine_id into ${file}`
          : `if this is the same one with another board or disk, take hardware out of ${file}`
      return fail(
        `the identity in ${stateDir} was made on another machine: ${same}; if it is a copy of that machine, take a new identity by \`runner attach --new-identity\`, which gives up its jobs, and results that were not delivered`,
      )
    }
    rememberMachine(file, record, machine)
    const private_key = readFileSync(keyOf(stateDir), 'utf8')
    const { createPublicKey } = process.getBuiltinModule('node:crypto')
    const public_key = createPublicKey(private_key).export({ type: 'spki', format: 'pem' }).toString()
    const { uuid, engine_id } = record
    if (!isPathPart(uuid)) throw new Error('its uuid is not one')
    return ok({ uuid, public_key, private_key, ...(engine_id === undefined ? {} : { engine_id }) })
  } catch (error) {
    return fail(
      `the identity in ${stateDir} cannot be read: ${errorText(error)}; restore it, or take a new one by \`runner attach --new-identity\``,
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
  // With the key alone there is no identity yet.
  writeDurably(keyOf(stateDir), private_key)
  const record: Record = { uuid, ...machine }
  writeDurably(fileOf(stateDir), `${JSON.stringify(record)}\n`)
  return { uuid, public_key, private_key }
}

/** Writes down what is known of the machine by now: it may have a machine id, or another disk. */
function rememberMachine(file: string, record: Record, machine: Machine): void {
  const hardware = { ...record.hardware, ...machine.hardware }
  const now = { ...record, ...machine, ...(Object.keys(hardware).length === 0 ? {} : { hardware }) }
  if (JSON.stringify(now) === JSON.stringify(record)) return
  try {
    writeDurably(file, `${JSON.stringify(now)}\n`)
  } catch {
    // It is tried again at the next start.
  }
}

/** Writes down which engine it works with. Throws system errors. */
export function rememberEngine(stateDir: string, engineId: string): void {
  const record = JSON.parse(readFileSync(fileOf(stateDir), 'utf8')) as Record
  if (record.engine_id === engineId) return
  writeDurably(fileOf(stateDir), `${JSON.stringify({ ...record, engine_id: engineId })}\n`)
}

/**
 * Removes an identity and what belongs to it, so that the next start makes another. Resolves to a sentence on what is
 * given up by that, if anything. Throws system errors.
 */
export async function forgetIdentity(stateDir: string): Promise<string | undefined> {
  const lost = workLeft(stateDir)
  rmSync(fileOf(stateDir), { force: true })
  rmSync(keyOf(stateDir), { force: true })
  await forgetWork(stateDir)
  return lost
}

function workLeft(stateDir: string): string | undefined {
  const work = namesInSpool(stateDir).map(name => existsSync(join(stateDir, 'spool', name, 'end.json')))
  if (work.length === 0) return undefined
  const results = work.filter(hasEnded => hasEnded).length
  const lost = `the former identity is given up: jobs that had not ended: ${work.length - results}, results that were not delivered: ${results}`
  try {
    const { uuid } = JSON.parse(readFileSync(fileOf(stateDir), 'utf8')) as Record
    return `${lost}; containers that it has left here run on: remove those with the label ${labels.runner}=${uuid}`
  } catch {
    return lost
  }
}

/** Removes what belongs to an identity's work; who it is stays. */
export async function forgetWork(stateDir: string): Promise<void> {
  await removeSpool(stateDir)
  await removeTree(join(stateDir, 'session.json'))
}
