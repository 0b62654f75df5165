/*
 * Definitions. The store has each in two parts: a body in clear, and `input`, `env` and `secret_env`
 * sealed at rest. Operators are shown each secret as `sealed:v1:<base64>`, and can send it back in that form.
 */

import { parseJson } from '../../protocol/exact-json.ts'
import { mostSecretBytes } from '../../protocol/mask/mask.ts'
import { secretsOfInput, textsOf } from '../../protocol/mask/secrets.ts'
import type { InputContext, JobBody } from '../../protocol/messages/jobs.ts'
import type { SecretValues } from '../../protocol/messages/reservations.ts'
import { seal } from '../../protocol/seal.ts'
import { defined, ok, type Result } from '../../result.ts'
import type { DefinitionRow } from '../../store/rows.ts'
import type { SealKeys } from '../../store/seal-key.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import {
  changePasswords,
  changeSecrets,
  isDeeperThan,
  mapObject,
  type SecretChange,
} from '../rules/secrets.ts'

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

/**
 * Turns a definition of a namespace into its stored form: sealed secrets opened, defaults filled in,
 * confidential parts sealed.
 */
export function storeDefinition(
  given: Omit<JobBody, 'name'>,
  keys: SealKeys,
  namespace: string,
): Result<Stored, Refusal> {
  const { input, env, secret_env, ...rest } = given
  const tooDeep = refuse('malformed', `/input has more than ${deepestInput} levels`)
  if (isDeeperThan(input, deepestInput)) return tooDeep
  if (input !== undefined && rest.kind === 'command')
    return refuse('malformed', '/kind is plugin where input is given: leave one of them out')
  const opened = openSecrets(defined({ input, env, secret_env }), keys, namespace)
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

/** The confidential parts of a stored definition. */
export function confidential(stored: Stored, keys: SealKeys): Confidential {
  return stored.sealed === '' ? {} : (parseJson(keys.openAtRest(stored.sealed)) as Confidential)
}

/** A definition as operators see it, and as `storeDefinition` takes it again in the same namespace. */
export function showDefinition(stored: Stored, keys: SealKeys, namespace: string): Omit<JobBody, 'name'> {
  const show = (secret: unknown) => prefix + keys.sealAtRest(JSON.stringify({ secret, namespace }))
  return { ...stored.body, ...changeConfidential(confidential(stored, keys), show) }
}

/**
 * Keys that seal a text that they have sealed before by the same text again: two definitions that are shown
 * with them show whether a secret has changed.
 */
export function rememberingKeys(keys: SealKeys): SealKeys {
  const sealed = new Map<string, string>()
  return {
    ...keys,
    sealAtRest(text) {
      const made = sealed.get(text) ?? keys.sealAtRest(text)
      sealed.set(text, made)
      return made
    },
  }
}

/** Every text that must not be seen in the log of an execution. */
export function secretsOf({ input, secret_env }: Confidential): string[] {
  const texts = Object.values(secret_env ?? {}).flatMap(textsOf)
  return [...new Set([...texts, ...(input === undefined ? [] : secretsOfInput(input))])]
}

/**
 * The confidential parts for a reservation, sealed with the runner's data key; null for an empty one.
 */
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

/** A secret as it is shown, before it is sealed; release 0.1.0, which had no namespaces, named none. */
interface ShownSecret {
  secret: unknown
  namespace?: string
}

/**
 * Opens every secret that is shown as sealed, and leaves the others as they are. A secret opens only in the
 * namespace in which it was shown: a viewer of that one might otherwise run a job with it in another
 * namespace.
 */
function openSecrets(parts: Confidential, keys: SealKeys, namespace: string): Result<Confidential, Refusal> {
  const closed: string[] = []
  const foreign: string[] = []
  const open = (secret: unknown, where: string): unknown => {
    if (typeof secret !== 'string' || !secret.startsWith(prefix)) return changePasswords(secret, open)
    try {
      const shown = parseJson(keys.openAtRest(secret.slice(prefix.length))) as ShownSecret
      if ((shown.namespace ?? namespace) !== namespace) foreign.push(where)
      return shown.secret
    } catch {
      closed.push(where)
      return secret
    }
  }
  const opened = changeConfidential(parts, open)
  if (foreign.length > 0)
    return refuse('unknown-key', `${foreign.join(', ')}: sealed in another namespace; give it in clear`)
  if (closed.length === 0) return ok(opened)
  return refuse('unknown-key', `${closed.join(', ')}: sealed under another key; give it in clear`)
}

function changeConfidential(parts: Confidential, change: SecretChange): Confidential {
  const { input, secret_env } = parts
  return {
    ...parts,
    ...defined({
      input: input && changeSecrets(input, change),
      secret_env: secret_env && (mapObject(secret_env, change) as Record<string, string>),
    }),
  }
}
