/* Masks the secrets of an execution in texts that come from its job. */

import { makeMask } from '../../protocol/mask/mask.ts'
import { maskText } from '../../protocol/mask/mask-output.ts'
import type { Reader } from '../../store/reader.ts'
import type { DefinitionRow } from '../../store/rows.ts'
import type { SealKeys } from '../../store/seal-key.ts'
import type { Context, LogMask } from '../rules/context.ts'
import { confidential, secretsOf } from './definitions.ts'

/** JSON may write a byte as six. */
const longestEscape = 6
const longestReach = 65_536
/**
 * Masks kept ready, and the nodes of all of them (some 40 bytes each): one is needed again with every chunk.
 */
const mostKept = 256
const mostNodes = 2_000_000

/**
 * The mask of a run. A definition that cannot be opened hides nothing: no runner can have been given its
 * secrets.
 */
export async function logMaskOf(tx: Reader, { keys, memory }: Context, group: string): Promise<LogMask> {
  const kept = memory.logMasks
  const found = kept.get(group)
  if (found !== undefined) return found
  const made = maskFor(secretsIn(await tx.definition(group), keys))
  kept.set(group, made)
  const nodesOf = ({ mask }: LogMask) => mask.automaton?.depths.length ?? 0
  let nodes = [...kept.values()].reduce((sum, one) => sum + nodesOf(one), 0)
  for (const [oldest, one] of kept) {
    if (kept.size <= mostKept && (nodes <= mostNodes || kept.size === 1)) break
    nodes -= nodesOf(one)
    kept.delete(oldest)
  }
  return made
}

function secretsIn(definition: DefinitionRow | undefined, keys: SealKeys): string[] {
  if (definition === undefined) return []
  try {
    return secretsOf(confidential(definition, keys))
  } catch {
    return []
  }
}

function maskFor(secrets: readonly string[]): LogMask {
  const longest = Math.max(0, ...secrets.map(secret => Buffer.byteLength(secret)))
  return { mask: makeMask(secrets), reach: Math.min(longestReach, longest * longestEscape) }
}

/** A text without the secrets of its run. */
export async function maskRunText(tx: Reader, ctx: Context, group: string, text: string): Promise<string> {
  return maskText(text, (await logMaskOf(tx, ctx, group)).mask)
}
