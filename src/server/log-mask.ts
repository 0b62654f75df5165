/* The secrets of an execution in what is read of it. */
import { type Mask, makeMask } from '../protocol/mask.ts'
import { maskText as masked } from '../protocol/mask-output.ts'
import type { Context, Keys } from './context.ts'
import { confidential, secretsOf } from './definitions.ts'
import type { DefinitionRow, Reader } from './store/store.ts'

export interface LogMask {
  mask: Mask
  /** Bytes that the longest way to write a secret takes; 0: there is none. */
  reach: number
}

/** JSON may write a byte as six. */
const longestEscape = 6
const longestReach = 65_536
/** Masks kept ready, and the nodes of all of them (some 40 bytes each): one is needed again with every chunk. */
const mostKept = 256
const mostNodes = 2_000_000

const ready = new WeakMap<Keys, Map<string, LogMask>>()

/** The mask of a run. What cannot be opened has no secrets that anybody could have been given. */
export async function maskOf(tx: Reader, { keys }: Context, group: string): Promise<LogMask> {
  const kept = ready.get(keys) ?? new Map<string, LogMask>()
  ready.set(keys, kept)
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

function secretsIn(definition: DefinitionRow | undefined, keys: Keys): string[] {
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
export async function maskText(tx: Reader, ctx: Context, group: string, text: string): Promise<string> {
  return masked(text, (await maskOf(tx, ctx, group)).mask)
}
