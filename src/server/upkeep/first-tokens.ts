import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TokenKind } from '../../protocol/messages/token-kinds.ts'
import { defined, errorText, fail, ok, type Result } from '../../result.ts'
import { diskFullText, isDiskFull, StoreFailure } from '../../store/failure.ts'
import type { Reader } from '../../store/reader.ts'
import { firstTokensKey } from '../../store/rows.ts'
import type { Store } from '../../store/store.ts'
import type { Writer } from '../../store/writer.ts'
import { replaceFile } from '../../system/replace-file.ts'
import { factsOf } from '../rules/audit-facts.ts'
import type { Context } from '../rules/context.ts'
import { newToken } from '../state/new-token.ts'
import { all } from '../state/pages.ts'
import { unreadable } from '../state/unreadable.ts'

/**
 * The tokens that a start of the server has to make. The first start makes an admin's and one for
 * registrations; so does the first start after a restore from a backup without token files. A later start
 * makes an admin's if none is valid any more and nobody has its file: a revoked token stays revoked while its
 * file is there, and a user who may remove that file is not locked out for ever. The caller keeps the texts
 * before the writer is done: then a crash between the two leaves no token that nobody knows.
 */
export async function firstTokens(
  tx: Writer,
  ctx: Context,
  hasFile: boolean,
): Promise<{ admin?: string; registration?: string; locked?: true }> {
  const first = (await tx.meta(firstTokensKey)) === undefined
  if (!first && (await hasAdmin(tx))) return {}
  if (!first && hasFile) return { locked: true }
  tx.setMeta(firstTokensKey, 'made')
  const make = (kind: TokenKind) => {
    const { row, text } = newToken(tx, ctx, { kind, name: 'made at the start of the server' })
    tx.audit(factsOf('start', { object: row.id, after: { kind, name: row.name } }))
    return text
  }
  return { admin: make('admin'), ...defined({ registration: first ? make('registration') : undefined }) }
}

async function hasAdmin(tx: Reader): Promise<boolean> {
  for await (const token of all(page => tx.listTokens(page, unreadable)))
    if (!('unreadable' in token) && token.kind === 'admin' && (token.expires_at ?? Infinity) > tx.now)
      return true
  return false
}

/** The files of the tokens that a start has made. */
export interface TokenFiles {
  admin: string
  registration: string
  /** No token of an administrator is valid, and the file of one is there. */
  locked: boolean
}

/**
 * Makes the tokens that a first start has to make, and writes them into files of mode 0600 before they count:
 * then a crash between the two leaves no token that nobody knows. Gives their paths, or the reason why they
 * cannot be made. Throws a `StoreFailure` where the store does not work.
 */
export async function giveFirstTokens(
  store: Store,
  context: Context,
  directory: string,
): Promise<Result<TokenFiles, string>> {
  const files: TokenFiles = {
    locked: false,
    admin: join(directory, 'admin.token'),
    registration: join(directory, 'registration.token'),
  }
  try {
    await store.write(async tx => {
      const texts = await firstTokens(tx, context, existsSync(files.admin))
      files.locked = texts.locked ?? false
      if (texts.admin !== undefined) await keep(files.admin, texts.admin)
      if (texts.registration !== undefined) await keep(files.registration, texts.registration)
    })
    return ok(files)
  } catch (error) {
    if (error instanceof StoreFailure) throw error
    if (isDiskFull(error)) return fail(diskFullText(`the first tokens, in ${directory}`))
    return fail(`the first tokens cannot be written into ${directory}: ${errorText(error)}`)
  }
}

const keep = (file: string, token: string) => replaceFile(file, `${token}\n`, { mode: 0o600 })
