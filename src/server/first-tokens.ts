import { join } from 'node:path'
import { replaceFile } from '../process/durable-file.ts'
import { errorText, fail, ok, type Result } from '../result.ts'
import type { Context } from './context.ts'
import { diskFullText, isDiskFull, StoreFailure } from './store/failure.ts'
import type { Store } from './store/store.ts'
import { firstTokens } from './tokens.ts'

/** Where tokens lie that a start has made. */
export interface TokenFiles {
  admin: string
  registration: string
}

/**
 * Makes the tokens that a first start has to make, and writes them into files of mode 0600 before they count: then
 * a crash between the two leaves no token that nobody knows. Says where they lie, or why they cannot. Throws a
 * `StoreFailure` where the store does not work.
 */
export async function giveFirstTokens(
  store: Store,
  context: Context,
  directory: string,
): Promise<Result<TokenFiles, string>> {
  const files = {
    admin: join(directory, 'admin.token'),
    registration: join(directory, 'registration.token'),
  }
  try {
    await store.write(async tx => {
      const texts = await firstTokens(tx, context)
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
