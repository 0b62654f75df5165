import { createHash, randomUUID } from 'node:crypto'
import type { Credentials, Registered, Registration } from '../../src/protocol/messages/registration.ts'
import type { Runner, RunnerPatch } from '../../src/protocol/messages/runners.ts'
import type { Scope } from '../../src/protocol/messages/tokens.ts'
import { unsealWith } from '../../src/protocol/seal.ts'
import { getRunner } from '../../src/server/operator-side/get-runner.ts'
import { patchRunner } from '../../src/server/operator-side/patch-runner.ts'
import { type RegistrationCaller, register } from '../../src/server/runner-side/register.ts'
import { callerOf } from '../../src/server/state/caller.ts'
import { emptyToken, type TokenRow } from '../../src/store/rows.ts'
import { rsaKeys } from './keys.ts'
import type { ServerRig } from './server-rig.ts'

const someKey = rsaKeys('runner')
export const otherKey = rsaKeys('other')
export const weakKey = rsaKeys('weak', 2048)

/** The n-th UUID of a test. */
export const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

export function registration(more: Partial<Registration> = {}): Registration {
  const { uuid: id = uuid(1) } = more
  return {
    uuid: id,
    name: id === uuid(1) ? 'one' : `runner-${id}`,
    version: '1.0.0',
    public_key: someKey.publicKey,
    capabilities: ['remote', 'remote-script'],
    runner_group: 'default',
    ...more,
  }
}

/** A registration that succeeded, as the runner has it once it has opened its credentials. */
export interface Session extends Registered {
  credentials_in_clear: Credentials
  token: TokenRow
}

const registrationToken = uuid(900)
export const byRegistrationToken: RegistrationCaller = { kind: 'registration', token_id: registrationToken }

/** A registration token with a scope, by which a registration can be made. */
export async function tokenFor(
  rig: ServerRig,
  scope: Scope | null,
  id = randomUUID() as string,
): Promise<RegistrationCaller> {
  await rig.write(async tx =>
    tx.putToken({
      ...emptyToken,
      id,
      kind: 'registration',
      name: 'rack',
      hash: id,
      created_at: tx.now,
      scope,
    }),
  )
  return { kind: 'registration', token_id: id }
}

export async function registered(
  rig: ServerRig,
  message: Registration = registration(),
  by: RegistrationCaller = byRegistrationToken,
): Promise<Session> {
  if (by === byRegistrationToken && (await rig.read(tx => tx.token(registrationToken))) === undefined)
    await tokenFor(rig, null, registrationToken)
  const answer = await rig.write(tx => register(tx, rig.ctx, message, by))
  if (!answer.ok) throw new Error(`${answer.failure.reason}: ${answer.failure.detail}`)
  const opened = unsealWith(someKey.privateKey, answer.value.credentials)
  if (!opened.ok) throw new Error(opened.failure)
  const credentials_in_clear = JSON.parse(opened.value) as Credentials
  const hash = createHash('sha256').update(credentials_in_clear.token).digest('hex')
  const token = await rig.read(tx => tx.tokenByHash(hash))
  if (token === undefined) throw new Error('the token is not in the store')
  return { ...answer.value, credentials_in_clear, token }
}

/** Any call of a session. */
export function call(
  rig: ServerRig,
  session: Session,
  header: number | undefined = session.session,
  id?: string,
) {
  return rig.write(tx => callerOf(tx, rig.ctx, session.token, header, id))
}

/** An operator changes a runner. */
export const patch = (rig: ServerRig, set: RunnerPatch, id = uuid(1)) =>
  rig.write(tx => patchRunner(tx, rig.ctx, id, set))

/** A runner as operators see it. */
export async function viewOf(rig: ServerRig, id = uuid(1)): Promise<Runner> {
  const answer = await rig.read(tx => getRunner(tx, rig.ctx, id))
  if (!answer.ok) throw new Error(answer.failure.reason)
  return answer.value
}

/** A runner that has registered and called. */
export async function connected(rig: ServerRig, more: Partial<Registration> = {}): Promise<Session> {
  const session = await registered(rig, registration(more))
  const answer = await call(rig, session)
  if (!answer.ok) throw new Error(answer.failure.reason)
  return session
}

/** The caller of a registration with the runner's own token. */
export const ofItself = (session: Session): RegistrationCaller => ({
  kind: 'runner',
  runner_id: session.runner_id,
  session: session.session,
})
