/*
 * The part of a registration that counts: a registration token has a scope, and the runner's own token
 * changes nothing by which jobs and secrets are aimed at it. Pure functions.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Registration } from '../../protocol/messages/registration.ts'
import type { Scope } from '../../protocol/messages/tokens.ts'
import type { TokenRow } from '../../store/rows.ts'
import type { RegisteredFacts, RunnerRow } from '../../store/runner-row.ts'

/** The facts that a registration with a registration token fixes. */
export type FixedField = 'name' | 'runner_group' | 'capabilities' | 'metadata'

/** The facts that an earlier registration has fixed. */
export type FixedFacts = Pick<RegisteredFacts, 'name' | 'said'>

/**
 * The facts of a registration with the runner's own token: fixed facts stay, and facts that follow the host
 * (taints, version, facts of the host) are new. `refused` names the fields that differ from the fixed facts,
 * and from the overrides of an operator.
 */
export function keepFixed(
  facts: RegisteredFacts,
  { name, said }: FixedFacts,
  set: RunnerRow['set'],
): { facts: RegisteredFacts; refused: FixedField[] } {
  const kept = { ...facts, name, said: { ...said, taints: facts.said.taints } }
  const { runner_group, capabilities, metadata } = facts.said
  const differs: Record<FixedField, boolean> = {
    name: facts.name !== name,
    runner_group: runner_group !== said.runner_group && runner_group !== set.runner_group,
    capabilities:
      !isDeepStrictEqual(capabilities, said.capabilities) &&
      !isDeepStrictEqual(capabilities, set.capabilities),
    metadata: !isDeepStrictEqual(metadata, said.metadata),
  }
  const refused = (Object.keys(differs) as FixedField[]).filter(field => differs[field])
  return { facts: kept, refused }
}

/**
 * The parts of a registration that the scope of its token does not allow: for each field its value, and the
 * allowed ones.
 */
export function beyondScope(
  scope: Scope,
  { runner_group, capabilities, name, metadata = {} }: Registration,
): string[] {
  const beyond: string[] = []
  const refuse = (what: string, allowed: string) => void beyond.push(`${what}, and it allows ${allowed}`)
  if (scope.runner_groups !== undefined && !scope.runner_groups.includes(runner_group))
    refuse(`runner_group is ${runner_group}`, listed(scope.runner_groups))
  const others = without(capabilities, scope.capabilities)
  if (others.length > 0) refuse(`capabilities has ${others.join(', ')}`, listed(scope.capabilities))
  if (scope.names !== undefined && !matches(scope.names, name)) refuse(`name is ${name}`, scope.names)
  const keys = without(Object.keys(metadata), scope.metadata_keys)
  if (keys.length > 0) refuse(`metadata has ${keys.join(', ')}`, listed(scope.metadata_keys))
  return beyond
}

/**
 * Characters of a name that cannot be seen: a blank at an end, two blanks in a row, another space than the
 * blank, and characters that leave no mark.
 */
const unseen = /^ | $| {2}|[[\p{Zs}\p{Cf}\p{Default_Ignorable_Code_Point}]--[ ]]/v

/**
 * Whether a name can be told from each other one by looking at it, as far as blanks go: jobs are aimed by
 * names.
 */
export const isSeenWhole = (name: string): boolean => !unseen.test(name)

/** Runner groups that one registration token may be the first to name, where its scope names none. */
export const mostGroups = 50

/** Whether a registration token may name no more new runner groups. */
export const hasMadeItsGroups = ({ scope, groups_made }: Pick<TokenRow, 'scope' | 'groups_made'>): boolean =>
  scope?.runner_groups === undefined && groups_made >= mostGroups

/** Whether a registration token has registered as many runners as it may. */
export const isUsedUp = ({ scope, uses }: Pick<TokenRow, 'scope' | 'uses'>): boolean =>
  scope?.uses !== undefined && uses >= scope.uses

const without = (values: readonly string[], allowed: readonly string[] | undefined): string[] =>
  allowed === undefined ? [] : values.filter(value => !allowed.includes(value))

const listed = (allowed: readonly string[] = []): string =>
  allowed.length === 0 ? 'none' : allowed.join(', ')

/** Whether a text has the form of a pattern, in which `*` stands for any characters. */
export function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return text === pattern
  if (!text.startsWith(first) || !text.endsWith(last)) return false
  const end = text.length - last.length
  let from = first.length
  for (const part of rest) {
    const found = text.indexOf(part, from)
    if (found < 0) return false
    from = found + part.length
  }
  return from <= end
}
