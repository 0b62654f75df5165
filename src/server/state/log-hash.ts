import type { Store } from '../../store/store.ts'
import { nextTurn } from '../../system/wait.ts'
import type { Context, HashedLog } from '../rules/context.ts'

const crypto = process.getBuiltinModule('node:crypto')

/** Hashes that are kept: as many as jobs may run. The oldest is dropped first. */
const mostKept = 20_000

/** Bytes that are read at once. */
const piece = 1_048_576

function remember(ctx: Context, id: string, hashed: HashedLog): void {
  const hashes = ctx.memory.logHashes
  hashes.delete(id)
  hashes.set(id, hashed)
  for (const oldest of hashes.keys()) {
    if (hashes.size <= mostKept) return
    hashes.delete(oldest)
  }
}

const nothing = (): HashedLog => ({ length: 0, hash: crypto.createHash('sha256') })

/** Adds bytes that are written at an offset. Bytes that do not follow the last ones make the hash unknown. */
export function hashBytes(ctx: Context, id: string, offset: number, bytes: Uint8Array): void {
  const hashed = offset === 0 ? nothing() : ctx.memory.logHashes.get(id)
  if (hashed === undefined || hashed.length === Number.POSITIVE_INFINITY) return
  if (hashed.length !== offset) return void ctx.memory.logHashes.delete(id)
  hashed.hash.update(bytes)
  hashed.length += bytes.length
  remember(ctx, id, hashed)
}

/** The hash of this log will not be asked for. */
export function hashNoMore(ctx: Context, id: string): void {
  remember(ctx, id, { ...nothing(), length: Number.POSITIVE_INFINITY })
}

/** The hash of a log that has this length, where it is known; it is forgotten then. */
export function takeHash(ctx: Context, id: string, length: number): string | undefined {
  const hashed = ctx.memory.logHashes.get(id)
  if (hashed?.length !== length) return undefined
  ctx.memory.logHashes.delete(id)
  return hashed.hash.digest('hex')
}

/**
 * Hashes what is stored of a log up to a length, as far as that is not known and the runner holds the
 * execution.
 */
export async function hashStored(
  store: Pick<Store, 'read'>,
  ctx: Context,
  id: string,
  length: number,
  runnerId: string | null,
): Promise<void> {
  for (;;) {
    const hashed = ctx.memory.logHashes.get(id) ?? nothing()
    const at = hashed.length
    if (at >= length) return
    const bytes = await store.read(async tx => {
      const row = await tx.execution(id)
      const log = await tx.log(id)
      if (row === undefined || row.runner_id !== runnerId || log === undefined) return undefined
      if (log.masked || log.head !== null || log.length < length) return undefined
      return tx.readLog(id, at, Math.min(piece, length - at))
    })
    if (bytes === undefined || bytes.length === 0) return
    // A writer may have added to it meanwhile.
    if (hashed.length !== at) continue
    hashed.hash.update(bytes)
    hashed.length += bytes.length
    remember(ctx, id, hashed)
    await nextTurn()
  }
}
