import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { systemChance, systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { printJson, sayError } from '../../report/say.ts'
import { fail, ok, type Result } from '../../result.ts'
import { leaveNote } from '../../store/host-notes.ts'
import { backupStore } from '../../store/sqlite/backup.ts'
import { restoreStore } from '../../store/sqlite/restore.ts'
import { readIdentity, readRecipient } from '../../store/sqlite/sealed-file.ts'
import { type ConfigOptions, loadSound, unfitDirectories, unfitStore } from '../config.ts'
import type { OptionsOf } from '../define-command.ts'
import { noted } from './noted.ts'
import type { backupOptions, restoreOptions } from './options.ts'
import { placesOf } from './places.ts'

/** Copies the whole store and its key into one file, while the server runs or not. */
export function backup(
  { withTokens, recipient: keyFile, ...options }: ConfigOptions & OptionsOf<typeof backupOptions>,
  file: string,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return withStore(options, env, async places => {
    // The backup contains every secret, so nobody else may be able to replace its directory.
    const problem = unfitDirectories([dirname(resolve(file))], options)
    if (problem !== undefined) return fail(problem)
    const recipient = keyFile === undefined ? undefined : readRecipient(keyFile)
    if (recipient?.ok === false) return recipient
    const made = await noted(places, 'server-backup', resolve(file), env, () =>
      backupStore(places, file, { withTokens, recipient: recipient?.value }),
    )
    if (made.ok && options.json)
      printJson({ file: resolve(file), bytes: statSync(file).size, sealed: recipient !== undefined })
    else if (made.ok && !options.quiet)
      sayError(
        recipient === undefined
          ? `runner: ${file} has the store, its logs and its key: whoever can read it has every secret\n`
          : `runner: ${file} has the store, its logs and its key, sealed: ` +
              `the private key of ${keyFile} opens it\n`,
      )
    return made
  })
}

/** Makes the store anew from such a file, if there is none yet. */
export function restoreServer(
  { identity: keyFile, ...options }: ConfigOptions & OptionsOf<typeof restoreOptions>,
  file: string,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return withStore(options, env, async places => {
    const identity = keyFile === undefined ? undefined : readIdentity(keyFile)
    if (identity?.ok === false) return identity
    const restored = await restoreStore(file, places, identity?.value)
    if (!restored.ok) return restored
    const note = leaveNote(places.dataDir, 'server-restore', resolve(file), {
      edges: { clock: systemClock, chance: systemChance },
      env,
    })
    if (!note.ok) return fail(`the store is restored, but ${note.failure}`)
    const { makesTokens } = restored.value
    if (options.json) printJson({ file: resolve(file), makes_tokens: makesTokens })
    else if (!options.quiet) sayError(`runner: the store of ${file} is in ${places.dataDir}\n`)
    if (makesTokens && !options.json && !options.quiet)
      sayError(
        'runner: the backup has no token files: the next start of the server writes new ones, ' +
          'admin.token and registration.token\n' +
          'runner: tokens from before stay valid until they are revoked: `runner token list` shows them\n',
      )
    return ok(undefined)
  })
}

async function withStore(
  options: ConfigOptions,
  env: NodeJS.ProcessEnv,
  action: (places: ReturnType<typeof placesOf>) => Promise<Result<void, string>>,
): Promise<number> {
  const loaded = loadSound(options, env)
  if (loaded === undefined) return exitStatus.config
  const unfit = unfitStore(loaded.server, options)
  const done = unfit === undefined ? await action(placesOf(loaded.server)) : fail(unfit)
  if (done.ok) return exitStatus.ok
  sayError(`runner: ${done.failure}\n`)
  return exitStatus.unavailable
}
