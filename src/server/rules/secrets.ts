/* Secrets of a plugin's input (protocol/mask/secrets.ts) in another form. */

import { isObject } from '../../protocol/mask/secrets.ts'
import type { InputContext } from '../../protocol/messages/jobs.ts'

/** Gives a secret another form; `where` names it for a person. */
export type SecretChange = (secret: unknown, where: string) => unknown

/** A copy of any JSON value in which every password that is not null has another form. */
export function changePasswords(value: unknown, change: SecretChange): unknown {
  if (Array.isArray(value)) return value.map(item => changePasswords(item, change))
  if (!isObject(value)) return value
  const secret = value.password === true
  return mapObject(value, (part, key) => {
    if (!secret || key !== 'value') return changePasswords(part, change)
    return part === null ? null : change(part, typeof value.name === 'string' ? value.name : 'a password')
  })
}

/** A copy of an input in which every secret has another form. */
export function changeSecrets(input: InputContext, change: SecretChange): InputContext {
  const changed = changePasswords(input, change) as InputContext
  const user = changed.release?.automatedTaskAsUser
  if (typeof user?.password !== 'string') return changed
  const password = change(user.password, 'automatedTaskAsUser.password') as string
  return { ...changed, release: { ...changed.release, automatedTaskAsUser: { ...user, password } } }
}

/** Whether objects and arrays lie in each other deeper than `levels`. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some(part => isDeeperThan(part, levels - 1))
}

/** An object with other values; its keys may be any, `__proto__` too. */
export function mapObject(
  object: Record<string, unknown>,
  change: (value: unknown, key: string) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value, key)]))
}
