/*
 * The hash of a log, made as its bytes come: to read a log of hundreds of megabytes again where its result is taken
 * would hold up every other call. What is remembered may be lost, and is then made anew from the store beside the
 * writer.
 */
import type { Hash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Context, Keys } from './context.ts'
import type { Store } from './store/store.ts'

const crypto = process.getBuiltinModule('node:crypto')

/** Of the first `length` bytes; Infinity: its hash is of no use, as the server has masked or dropped some of it. */
interface Hashed {
  length: number
  hash: Hash
}

/** Logs that are remembered: as many as jobs may run. The first are forgotten first. */
const mostKept = 20_000
/** Bytes that are read at once. */
const piece = 1_048_576

const kept = new WeakMap<Keys, Map<string, Hashed>>()

function hashesOf({ keys }: Context): Map<string, Hashed> {
  const hashes = kept.get(keys) ?? new Map<string, Hashed>()
  kept.set(keys, hashes)
  return hashes
}

function remember(ctx: Context, id: string, hashed: Hashed): void {
  const hashes = hashesOf(ctx)
  hashes.delete(id)
  hashes.set(id, hashed)
  for (const oldest of hashes.keys()) {
    if (hashes.size <= mostKept) return
    hashes.delete(oldest)
  }
}

const nothing = (): Hashed => ({ length: 0, hash: crypto.createHash('sha256') })

/** Goes on with bytes that are written at an offset. Others than those that follow make it unknown. */
export function hashBytes(ctx: Context, id: string, offset: number, bytes: Uint8Array): void {
  const hashed = offset === 0 ? nothing() : hashesOf(ctx).get(id)
  if (hashed === undefined || hashed.length === Number.POSITIVE_INFINITY) return
  if (hashed.length !== offset) return void hashesOf(ctx).delete(id)
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
  const hashed = hashesOf(ctx).get(id)
  if (hashed?.length !== length) return undefined
  hashesOf(ctx).delete(id)
  return hashed.hash.digest('hex')
}

/** Hashes what is stored of a log up to a length, as far as that is not known and the runner holds the execution. */
export async function hashStored(
  store: Pick<Store, 'read'>,
  ctx: Context,
  id: string,
  length: number,
  runnerId: string | null,
): Promise<void> {
  for (;;) {
    const hashed = hashesOf(ctx).get(id) ?? nothing()
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
    // A writer may have gone on with it meanwhile.
    if (hashed.length !== at) continue
    hashed.hash.update(bytes)
    hashed.length += bytes.length
    remember(ctx, id, hashed)
    await nextTurn()
  }
}
