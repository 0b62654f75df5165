import { getSystemErrorMessage } from 'node:util'

/** The outcome of something that is expected to fail at times: a value or the failure, never an exception. */
export type Result<T, F> = { ok: true; value: T } | { ok: false; failure: F }

export const ok = <T>(value: T): { ok: true; value: T } => ({ ok: true, value })
export const fail = <F>(failure: F): { ok: false; failure: F } => ({ ok: false, failure })

/**
 * The properties of an object that are not undefined. `{ ...defined({ file, line }) }` is how an optional
 * property gets into data that is written, compared or merged. Where our own code alone reads an object, as
 * with the options of a function, its interface says `file?: string | undefined`, and the caller hands `{
 * file }` over as it is.
 */
export function defined<T extends object>(values: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const kept = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(kept) as { [Key in keyof T]?: Exclude<T[Key], undefined> }
}

/** The code of a system error (`ENOENT`), or `unknown`. */
export function errorCode(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return typeof code === 'string' ? code : 'unknown'
}

/** A system error in plain words, `permission denied`; of any other error its message. */
export function errorText(error: unknown): string {
  const errno = (error as NodeJS.ErrnoException | undefined)?.errno
  if (typeof errno === 'number') return getSystemErrorMessage(errno)
  return error instanceof Error ? error.message : String(error)
}
