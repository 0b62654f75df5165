import { createHash, generateKeyPairSync } from 'node:crypto'
import type { Credentials, Registered, Registration } from '../../src/protocol/messages.ts'
import { unsealWith } from '../../src/protocol/seal.ts'
import { type Registrar, register } from '../../src/server/registration.ts'
import { callerOf } from '../../src/server/session.ts'
import type { TokenRow } from '../../src/server/store/store.ts'
import type { ServerRoom } from './server-room.ts'

const rsa = (modulusLength: number) =>
  generateKeyPairSync('rsa', {
    modulusLength,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })

/** Making keys takes long: two identities are enough for most tests. */
export const someKey = rsa(3072)
export const otherKey = rsa(3072)
export const weakKey = rsa(2048)

/** The n-th UUID of a test. */
export const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

export function registration(more: Partial<Registration> = {}): Registration {
  return {
    uuid: uuid(1),
    name: 'one',
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

export const byRegistrationToken: Registrar = { kind: 'registration' }

export async function registered(
  room: ServerRoom,
  message: Registration = registration(),
  by: Registrar = byRegistrationToken,
): Promise<Session> {
  const answer = await room.write(tx => register(tx, room.ctx, message, by))
  if (!answer.ok) throw new Error(`${answer.failure.reason}: ${answer.failure.detail}`)
  const opened = unsealWith(someKey.privateKey, answer.value.credentials)
  if (!opened.ok) throw new Error(opened.failure)
  const credentials_in_clear = JSON.parse(opened.value) as Credentials
  const hash = createHash('sha256').update(credentials_in_clear.token).digest('hex')
  const token = await room.read(tx => tx.tokenByHash(hash))
  if (token === undefined) throw new Error('the token is not in the store')
  return { ...answer.value, credentials_in_clear, token }
}

/** Any call of a session. */
export function call(
  room: ServerRoom,
  session: Session,
  header: number | undefined = session.session,
  id?: string,
) {
  return room.write(tx => callerOf(tx, room.ctx, session.token, header, id))
}

/** A runner that has registered and called. */
export async function connected(room: ServerRoom, more: Partial<Registration> = {}): Promise<Session> {
  const session = await registered(room, registration(more))
  const answer = await call(room, session)
  if (!answer.ok) throw new Error(answer.failure.reason)
  return session
}
