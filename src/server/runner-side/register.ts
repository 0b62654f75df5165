import { createPublicKey, randomBytes } from 'node:crypto'
import type { Credentials, Registered, Registration } from '../../protocol/messages/registration.ts'
import { runnerFeatures, serverFeatures } from '../../protocol/messages/runner-features.ts'
import { isRunnerKey, sealFor } from '../../protocol/seal.ts'
import { defined, ok, type Result } from '../../result.ts'
import type { Moment } from '../../store/reader.ts'
import { emptyRunner, type RegisteredFacts, type RunnerRow } from '../../store/runner-row.ts'
import type { Writer } from '../../store/writer.ts'
import type { Caller, Context } from '../rules/context.ts'
import { settingsOf } from '../rules/effective.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import {
  beyondScope,
  type FixedField,
  hasMadeItsGroups,
  isSeenWhole,
  isUsedUp,
  keepFixed,
  mostGroups,
} from '../rules/registration.ts'
import { time } from '../rules/times.ts'
import { ensureGroup, isNewGroup } from '../state/groups.ts'
import { newToken } from '../state/new-token.ts'
import { nameHolder } from '../state/runner-names.ts'

/** The owner of the token that a registration carries. */
export type RegistrationCaller = { kind: 'registration'; token_id: string } | ({ kind: 'runner' } & Caller)

/** Registrations that wait for their first call; beyond this number the oldest are dropped. */
const mostPending = 16

const day = 86_400_000

/** Registration tokens of which a runner remembers that they have counted it. */
const mostCounted = 64

/**
 * Gives a runner a new session, which is pending: whoever holds the private key brings it in force by a first
 * call with the new token (session.ts), and until then everything stays as it was. Overrides of operators are
 * never touched. With a registration token a runner becomes what it says, within the scope of the token; with
 * its own it stays what it is.
 */
export async function register(
  tx: Writer,
  ctx: Context,
  message: Registration,
  by: RegistrationCaller,
): Promise<Result<Registered, Refusal>> {
  const publicKey = normalKey(message.public_key)
  if (publicKey === undefined)
    return refuse('malformed', 'public_key must be an RSA key of 3072 bits as SPKI in PEM')
  if (by.kind === 'runner' && by.runner_id !== message.uuid)
    return refuse('not-yours', 'the token of a runner registers this runner only')
  const known = await tx.runner(message.uuid)
  if (known !== undefined && known.public_key !== publicKey)
    return refuse(
      'identity-taken',
      'make a new identity for this runner: another key has registered its UUID',
    )
  if (known !== undefined && known.deleted_at !== null)
    return refuse('deleted', 'an operator deleted this runner; `runner node undelete` allows it again')
  const taken =
    by.kind === 'runner' ? ofItself(message, by, known) : await ofToken(tx, message, by.token_id, known)
  if (!taken.ok) return taken
  const { facts, refused, registered_with } = taken.value

  const dataKey = randomBytes(32).toString('base64')
  const runner = known ?? newRunner(message, publicKey, tx)
  const session = Math.max(runner.session, runner.pending.at(-1)?.session ?? 0) + 1
  const lifetime = facts.features.includes('renew') ? ctx.settings.credentials_days * day : 0
  const credentials_until = lifetime === 0 ? null : tx.now + lifetime
  const token = newToken(tx, ctx, {
    kind: 'runner',
    name: facts.name,
    expires_at: credentials_until,
    runner_id: runner.id,
    session,
  })
  const pending = [
    ...runner.pending,
    {
      session,
      token_id: token.row.id,
      data_key: ctx.keys.sealAtRest(dataKey),
      credentials_until,
      ...facts,
    },
  ]
  for (const { token_id } of pending.slice(0, -mostPending)) await tx.deleteToken(token_id)
  tx.putRunner({ ...runner, registered_with, pending: pending.slice(-mostPending) })
  const credentials: Credentials = { token: token.text, data_key: dataKey }
  return ok({
    runner_id: runner.id,
    session,
    created_at: time(runner.created_at),
    credentials: sealFor(publicKey, JSON.stringify(credentials)),
    settings: settingsOf(ctx.settings, runner),
    ...defined({
      credentials_seconds: lifetime === 0 ? undefined : lifetime / 1000,
      refused: refused.length === 0 ? undefined : refused,
    }),
    features: [...serverFeatures],
  })
}

/** The accepted part of a registration. */
interface Taken extends Pick<RunnerRow, 'registered_with'> {
  facts: RegisteredFacts
  refused: FixedField[]
}

/** A registration with the runner's own token: its fixed facts stay. */
function ofItself(
  message: Registration,
  { session }: Caller,
  known: RunnerRow | undefined,
): Result<Taken, Refusal> {
  if (known === undefined) return refuse('bad-token', 'the runner of this token is not known here')
  if (session < known.session)
    return refuse('session-superseded', 'a newer session of this runner is in force')
  // A registration that has not been in force yet has fixed what it said, too.
  const fixed = known.pending.find(pending => pending.session === session) ?? known
  const { registered_with } = known
  return ok({ ...keepFixed(factsIn(message), fixed, known.set), registered_with })
}

/** With a registration token: all of it, within the scope of the token. */
async function ofToken(
  tx: Writer,
  message: Registration,
  tokenId: string,
  known: RunnerRow | undefined,
): Promise<Result<Taken, Refusal>> {
  const token = await tx.token(tokenId)
  if (token === undefined) return refuse('bad-token', 'the registration token has been revoked')
  const counted = known?.registered_with ?? []
  const again = counted.includes(token.id)
  const beyond = beyondScope(token.scope ?? {}, message)
  if (!again && isUsedUp(token))
    beyond.push(
      `it has registered ${token.uses === 1 ? '1 runner' : `${token.uses} runners`}, and may no more`,
    )
  const { runner_group } = message
  const isNew = await isNewGroup(tx, runner_group)
  if (isNew && hasMadeItsGroups(token))
    beyond.push(
      `runner_group ${runner_group} is new, and it allows ${mostGroups} new ones where its scope names none`,
    )
  if (beyond.length > 0)
    return refuse(
      'out-of-scope',
      `the registration token ${token.name} does not allow this: ` +
        `${beyond.join('; ')}; change [remote], or register with another token, ` +
        'which an administrator makes by `runner token create registration`',
    )
  if (message.name !== known?.name && !isSeenWhole(message.name))
    return refuse(
      'malformed',
      `/name ${JSON.stringify(message.name)} has a blank at an end, or a character that nobody sees, ` +
        'and would be taken for another name: set another one by --name or in [remote]',
    )
  const holder = await nameHolder(tx, message.name, known)
  if (holder !== undefined)
    return refuse(
      'name-taken',
      `the runner ${holder.id} has the name ${message.name}: set another name by --name or in [remote], ` +
        `or, if that one is gone for good, delete it by \`runner node delete ${holder.id}\``,
    )
  await ensureGroup(tx, runner_group)
  if (!again || isNew)
    tx.putToken({
      ...token,
      uses: token.uses + Number(!again),
      groups_made: token.groups_made + Number(isNew),
    })
  const registered_with = again ? counted : [...counted, token.id].slice(-mostCounted)
  return ok({ facts: factsIn(message), refused: [], registered_with })
}

/**
 * A key in the one form in which two keys can be compared; undefined for a key that runners may not have.
 */
function normalKey(pem: string): string | undefined {
  if (!isRunnerKey(pem)) return undefined
  const key = createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString()
  try {
    // The parameters of a key can be absurd, its exponent for example.
    sealFor(key, '')
    return key
  } catch {
    return undefined
  }
}

/** The facts in a registration, in force from the first call on. */
function factsIn(message: Registration): RegisteredFacts {
  return {
    name: message.name,
    version: message.version,
    said: {
      capabilities: message.capabilities.toSorted(),
      runner_group: message.runner_group,
      taints: message.taints ?? [],
      metadata: message.metadata ?? {},
    },
    host: message.host ?? {},
    features: runnerFeatures.filter(feature => message.features?.includes(feature)),
  }
}

function newRunner(message: Registration, publicKey: string, { now, watched }: Moment): RunnerRow {
  return {
    ...emptyRunner,
    id: message.uuid,
    ...factsIn(message),
    public_key: publicKey,
    created_at: now,
    looked_at: watched,
  }
}
