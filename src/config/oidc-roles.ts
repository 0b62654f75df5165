import { fail, ok, type Result } from '../result.ts'
import { splitWords } from './words.ts'

/** The roles that people can have. */
export const personRoles = ['admin', 'operator', 'submitter', 'viewer'] as const

/** The role of people of whom an identity provider says something. */
export interface OidcRole {
  /** The name of a claim; of one in another one with a dot between them. */
  claim: string
  /** A value of the claim; `*`: any. */
  value: string
  role: (typeof personRoles)[number]
  /** `*` being all; null: the role holds everywhere. */
  namespaces: string[] | null
}

const namespace = /^(?:\*|[A-Za-z0-9][A-Za-z0-9._-]{0,127})$/

/**
 * Lines of claim, value, role and namespaces, such as `groups "Team A" operator team-a`; fails with a
 * sentence.
 */
export function parseOidcRoles(text: string): Result<OidcRole[], string> {
  const roles: OidcRole[] = []
  for (const line of text.split('\n').map(one => one.trim())) {
    if (line === '') continue
    const words = splitWords(line)
    if (!words.ok) return fail(`\`${line}\` cannot be split into words: ${words.failure}`)
    const [claim, value, name, ...namespaces] = words.value
    const role = personRoles.find(one => one === name)
    if (claim === undefined || value === undefined || role === undefined)
      return fail(`\`${line}\` is not CLAIM VALUE ROLE, with a role of ${personRoles.join(', ')}`)
    const wrong = namespaces.find(one => !namespace.test(one))
    if (wrong !== undefined) return fail(`\`${line}\` has ${wrong}, which is not the name of a namespace`)
    if (role === 'admin' && namespaces.length > 0)
      return fail(`\`${line}\` has namespaces, and an admin is one in all of them`)
    const held = namespaces.length > 0 ? namespaces : ['default']
    roles.push({ claim, value, role, namespaces: role === 'admin' ? null : held })
  }
  return ok(roles)
}
