import type { OidcRole } from '../../config/oidc-roles.ts'
import type { BrowserUser } from '../../store/browser-rows.ts'
import { blanked } from '../../system/printable.ts'

type Claims = Readonly<Record<string, unknown>>

/** The name and the role of a person; undefined: no line fits. */
export function personOf(
  claims: Claims,
  roles: readonly OidcRole[],
): Pick<BrowserUser, 'name' | 'role' | 'namespaces'> | undefined {
  const found = roles.find(({ claim, value }) =>
    valuesOf(claims, claim).some(own => value === '*' || own === value),
  )
  return found && { name: nameOf(claims), role: found.role, namespaces: found.namespaces }
}

/** The values of a claim as texts: its own, or those of its list. */
function valuesOf(claims: Claims, name: string): string[] {
  // An unverified address does not prove anything: anybody can write one into a profile.
  if (name === 'email' && claims.email_verified !== true) return []
  return [claimOf(claims, name)]
    .flat()
    .flatMap(value => (['string', 'number', 'boolean'].includes(typeof value) ? String(value) : []))
}

/** A claim by its name, or by the names on the way to it. */
function claimOf(claims: unknown, name: string): unknown {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined
  if (Object.hasOwn(claims, name)) return (claims as Claims)[name]
  const dot = name.indexOf('.')
  return dot < 0 || !Object.hasOwn(claims, name.slice(0, dot))
    ? undefined
    : claimOf((claims as Claims)[name.slice(0, dot)], name.slice(dot + 1))
}

/** The name by which a person is shown to others. */
function nameOf({ preferred_username, email, name, sub }: Claims): string {
  const texts = [preferred_username, email, name, sub].flatMap(one =>
    typeof one === 'string' ? blanked(one).slice(0, 128) : [],
  )
  return texts.find(text => text !== '') ?? 'unnamed'
}
