/*
 * Seals a store anew under another key, while no server uses it. The store says nowhere which of its texts
 * are sealed: each text of each row that the present key opens is sealed under the new one, so no field can
 * be forgotten. One transaction changes the rows and the check of the key; next-key.ts has what happens to
 * the files around it.
 */

import { seal, sealedLength, unseal } from '../protocol/seal.ts'
import { errorText, fail, ok, type Result } from '../result.ts'
import type { StoreEngine, Transaction } from './engine.ts'
import { diskFullText, isDiskFull, StoreFailure } from './failure.ts'
import { forgetNextKey, settleKeys, useNextKey, writeNextKey } from './next-key.ts'
import { openEngine, type StoreOptions } from './open.ts'
import { decode, encode } from './row-encoding.ts'
import { keysOf, newKey, openKeys, readKey } from './seal-key.ts'
import { dropFreePages } from './sqlite/free-pages.ts'
import { noStoreIn } from './store-file.ts'
import { selectFrom, type TableName, tableNames } from './tables.ts'

export interface Rekeyed {
  /** `completed`: all that was left to do was the end of an earlier rekey. */
  outcome: 'rekeyed' | 'completed'
  /** An earlier rekey was interrupted before it had changed anything, and has been forgotten. */
  forgotten: boolean
  rows: number
  /** The number of texts that were sealed anew. */
  sealed: number
  /** Where the former key is now. */
  former: string | undefined
}

/** Rows and bytes that are in memory at a time; more bytes where one row has more. */
const pageRows = 500
const pageBytes = 2 << 20

/**
 * Replaces the key of a store. `tell` hears of every page how many rows of how many are done. It fails with a
 * sentence; then the former key still opens the store, or the next start completes the rekey.
 */
export async function rekeyStore(
  options: StoreOptions,
  tell: (rows: number, of: number) => void,
): Promise<Result<Rekeyed, string>> {
  const { database, keyFile } = options
  const file = database.startsWith('sqlite:') ? database.slice('sqlite:'.length) : undefined
  const missing = file === undefined ? undefined : noStoreIn(file)
  if (missing !== undefined) return fail(missing)
  const opened = await openEngine(options)
  if (!opened.ok) return fail(opened.failure.detail)
  const { engine, release } = opened.value
  try {
    const check = await checkOf(engine)
    if (check === undefined) return fail('the store is new: no server has sealed anything in it')
    const settled = await settleKeys(keyFile, check, () => inTransaction(engine, tx => putCheck(tx, check)))
    if (!settled.ok) return settled
    const keys = openKeys(keyFile, check)
    if (!keys.ok) return fail(keys.failure)
    const before = settled.value
    if (before?.outcome === 'completed') {
      try {
        if (file !== undefined) dropFreePages(file)
      } catch (error) {
        return fail(
          `an earlier rekey is completed, but free space of ${file} may still have ` +
            `what the former key opens (${errorText(error)}): make room, and run another rekey`,
        )
      }
      return ok({ outcome: 'completed', forgotten: false, rows: 0, sealed: 0, former: before.former })
    }
    const done = await rekey(engine, keyFile, file, tell)
    return done.ok ? ok({ ...done.value, forgotten: before !== undefined }) : done
  } catch (error) {
    return fail(failureText(error))
  } finally {
    await engine.close().catch(() => {})
    release()
  }
}

const failureText = (error: unknown): string =>
  isDiskFull(error)
    ? `${diskFullText('the store')}: ` +
      'a rekey needs about as much again as the store has; nothing has been changed'
    : 'the store has not been sealed anew: ' +
      `${errorText(error instanceof StoreFailure ? (error.cause ?? error) : error)}`

async function rekey(
  engine: StoreEngine,
  keyFile: string,
  file: string | undefined,
  tell: (rows: number, of: number) => void,
): Promise<Result<Omit<Rekeyed, 'forgotten'>, string>> {
  const former = readKey(keyFile) as Uint8Array
  const key = newKey()
  const next = keysOf(key)
  const progress = { rows: 0, sealed: 0 }
  let isWritten = false
  try {
    writeNextKey(keyFile, key)
    await inTransaction(engine, async tx => {
      // The former texts must not stay where rows are replaced.
      if (engine.name === 'sqlite') await tx.query('PRAGMA secure_delete = ON')
      const total = await countRows(tx)
      for (const table of tableNames)
        for await (const page of pagesOf(tx, table)) {
          progress.sealed += await sealAnew(tx, table, page, former, key)
          progress.rows += page.length
          tell(progress.rows, total)
        }
      await putCheck(tx, next.check)
      isWritten = true
    })
  } catch (error) {
    if (isWritten)
      return fail(
        `nobody has heard whether the store took the new key (${errorText(error)}): ` +
          'the next start of the server, or another rekey, completes or forgets this one',
      )
    forgetNextKey(keyFile)
    throw error
  }
  try {
    if (file !== undefined) dropFreePages(file)
    return ok({ outcome: 'rekeyed', ...progress, former: useNextKey(keyFile) })
  } catch (error) {
    return fail(
      'the store is sealed anew, but the new key is not in the place ' +
        `of ${keyFile} yet (${errorText(error)}): the next start of the server, or another rekey, does it`,
    )
  }
}

/** Runs a transaction, and resolves when it is on disk. */
async function inTransaction(
  engine: StoreEngine,
  action: (tx: Transaction) => Promise<unknown>,
): Promise<void> {
  const tx = await engine.begin(true)
  try {
    await tx.begun
    await action(tx)
  } catch (error) {
    await tx.rollback()
    throw error
  }
  const { kept, done } = await tx.commit(true, Promise.resolve())
  await Promise.all([kept, done])
}

async function checkOf(engine: StoreEngine): Promise<string | undefined> {
  const [row] = await engine.snapshot(query => query(selectFrom('meta', 'WHERE id = $1'), 'key_check'))
  return row === undefined ? undefined : decode('meta', row).value
}

const putCheck = (tx: Transaction, value: string) =>
  tx.put(new Map([['meta', [encode('meta', { key: 'key_check', value }, 0)]]]))

async function countRows({ query }: Transaction): Promise<number> {
  let total = 0
  for (const table of tableNames) {
    const [row] = await query(`SELECT CAST(count(*) AS double precision) AS n FROM ${table}`)
    total += row!.n as number
  }
  return total
}

/** The ids of all rows of a table, in pages of bounded memory. */
async function* pagesOf({ query }: Transaction, table: TableName): AsyncGenerator<string[]> {
  let last: string | undefined
  for (;;) {
    const behind = last === undefined ? '' : 'WHERE id > $1'
    const found = await query(
      `SELECT id, octet_length(body) AS size FROM ${table} ${behind} ORDER BY id LIMIT ${pageRows}`,
      ...(last === undefined ? [] : [last]),
    )
    if (found.length === 0) return
    let page: string[] = []
    let bytes = 0
    for (const { id, size } of found) {
      if (page.length > 0 && bytes + (size as number) > pageBytes) {
        yield page
        page = []
        bytes = 0
      }
      page.push(id as string)
      bytes += size as number
    }
    yield page
    last = found.at(-1)!.id as string
  }
}

/** Seals the texts of these rows anew; gives how many there were. */
async function sealAnew(
  { query }: Transaction,
  table: TableName,
  ids: readonly string[],
  from: Uint8Array,
  to: Uint8Array,
): Promise<number> {
  const rows = await query(
    `SELECT id, body FROM ${table} WHERE id IN (SELECT value FROM TEXTS($1))`,
    JSON.stringify(ids),
  )
  let sealed = 0
  const changed = rows.flatMap(({ id, body }) => {
    const found = resealed(body as string, from, to)
    sealed += found.sealed
    return found.sealed === 0 ? [] : [query(`UPDATE ${table} SET body = $2 WHERE id = $1`, id!, found.text)]
  })
  await Promise.all(changed)
  return sealed
}

/** The least characters of a sealed text, and how it begins. */
const least = sealedLength(0)
const beginning = /^[A-Za-z0-9+/]{43}/

/**
 * The same JSON with each of its strings that `from` opens sealed under `to`. It is not parsed: a row that is
 * damaged keeps its damage, and may still have texts that can be opened. Base64 has no character that JSON
 * escapes.
 */
export function resealed(json: string, from: Uint8Array, to: Uint8Array): { text: string; sealed: number } {
  let sealed = 0
  const parts = json.split('"').map(part => {
    if (part.length < least || part.length % 4 !== 0 || !beginning.test(part)) return part
    const opened = unseal(part, from)
    if (!opened.ok) return part
    sealed++
    return seal(opened.value, to)
  })
  return { text: sealed === 0 ? json : parts.join('"'), sealed }
}
