/*
 * What is to be run. The store has it in two parts: a body in clear, and `input`, `env` and `secret_env` sealed at
 * rest. What operators are shown has each secret as `sealed:v1:<base64>`, which can be given back as it is.
 */

import { parseJson } from '../protocol/exact-json.ts'
import { mostSecretBytes } from '../protocol/mask.ts'
import type { InputContext, JobBody, SecretValues } from '../protocol/messages.ts'
import { seal } from '../protocol/seal.ts'
import { secretsOfInput, textsOf } from '../protocol/secrets.ts'
import { ok, type Result } from '../result.ts'
import type { Keys } from './context.ts'
import { type Refusal, refuse } from './refusal.ts'
import { type Change, changePasswords, changeSecrets, isDeeperThan, mapObject } from './secrets.ts'
import type { DefinitionRow } from './store/store.ts'

/** A definition as the store has it. */
export type Stored = Pick<DefinitionRow, 'body' | 'sealed'>

/** The parts of a definition that are sealed at rest, in clear. */
export interface Confidential {
  input?: InputContext
  env?: Record<string, string>
  secret_env?: Record<string, string>
}

/** More than any plugin needs, less than a stack takes. */
const deepestInput = 100

/** Makes of a definition what is stored: sealed secrets opened, defaults filled in, confidential parts sealed. */
export function storeDefinition(given: Omit<JobBody, 'name'>, keys: Keys): Result<Stored, Refusal> {
  const { input, env, secret_env, ...rest } = given
  const tooDeep = refuse('malformed', `/input has more than ${deepestInput} levels`)
  if (isDeeperThan(input, deepestInput)) return tooDeep
  if (input !== undefined && rest.kind === 'command')
    return refuse('malformed', '/kind is plugin where input is given: leave one of them out')
  const opened = openSecrets(
    { ...(input && { input }), ...(env && { env }), ...(secret_env && { secret_env }) },
    keys,
  )
  if (!opened.ok) return opened
  if (isDeeperThan(opened.value.input, deepestInput)) return tooDeep
  const secretBytes = secretsOf(opened.value).reduce((sum, secret) => sum + Buffer.byteLength(secret), 0)
  if (secretBytes > mostSecretBytes)
    return refuse(
      'malformed',
      `the secrets have ${secretBytes} bytes together; ${mostSecretBytes} are the most`,
    )
  const body: DefinitionRow['body'] = {
    kind: input === undefined ? 'command' : 'plugin',
    ...rest,
    capabilities: (rest.capabilities ?? []).toSorted(),
    runner_group: rest.runner_group ?? 'default',
    priority: rest.priority ?? 0,
    retries: rest.retries ?? 0,
    concurrency: rest.concurrency ?? 'allow',
  }
  const isEmpty = Object.keys(opened.value).length === 0
  return ok({ body, sealed: isEmpty ? '' : keys.sealAtRest(JSON.stringify(opened.value)) })
}

/** The confidential parts of what is stored. */
export function confidential(stored: Stored, keys: Keys): Confidential {
  return stored.sealed === '' ? {} : (parseJson(keys.openAtRest(stored.sealed)) as Confidential)
}

/** A definition as operators see it, and as `storeDefinition` takes it again. */
export function showDefinition(stored: Stored, keys: Keys): Omit<JobBody, 'name'> {
  const show = (secret: unknown) => prefix + keys.sealAtRest(JSON.stringify({ secret }))
  return { ...stored.body, ...changeConfidential(confidential(stored, keys), show) }
}

/** Every text that must not be seen in the log of an execution. */
export function secretsOf({ input, secret_env }: Confidential): string[] {
  const texts = Object.values(secret_env ?? {}).flatMap(textsOf)
  return [...new Set([...texts, ...(input === undefined ? [] : secretsOfInput(input))])]
}

/** What a reservation has of the confidential parts, sealed with the runner's data key, where there is anything. */
export function reservationParts(
  parts: Confidential,
  dataKey: () => Uint8Array,
): { env: Record<string, string> | undefined; input: string | null; secret_values: string | null } {
  const secrets: SecretValues = { env: parts.secret_env ?? {}, mask: secretsOf(parts) }
  const none = Object.keys(secrets.env).length === 0 && secrets.mask.length === 0
  return {
    env: parts.env,
    input: parts.input === undefined ? null : seal(JSON.stringify(parts.input), dataKey()),
    secret_values: none ? null : seal(JSON.stringify(secrets), dataKey()),
  }
}

const prefix = 'sealed:v1:'

/** Opens every secret that is shown as sealed; the others are as they should be. */
function openSecrets(parts: Confidential, keys: Keys): Result<Confidential, Refusal> {
  const closed: string[] = []
  const open = (secret: unknown, where: string): unknown => {
    if (typeof secret !== 'string' || !secret.startsWith(prefix)) return changePasswords(secret, open)
    try {
      return (parseJson(keys.openAtRest(secret.slice(prefix.length))) as { secret: unknown }).secret
    } catch {
      closed.push(where)
      return secret
    }
  }
  const opened = changeConfidential(parts, open)
  if (closed.length === 0) return ok(opened)
  return refuse('unknown-key', `${closed.join(', ')}: sealed under another key; give it in clear`)
}

function changeConfidential(parts: Confidential, change: Change): Confidential {
  const { input, secret_env } = parts
  return {
    ...parts,
    ...(input && { input: changeSecrets(input, change) }),
    ...(secret_env && { secret_env: mapObject(secret_env, change) as Record<string, string> }),
  }
}
