import { readFileSync } from 'node:fs'
import type { Configuration } from '../../config/load.ts'
import { systemChance, systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { errorText, fail, ok, type Result } from '../../result.ts'
import { factsOfNote } from '../../server/upkeep/host-notes.ts'
import { hasPassword } from '../../store/database-url.ts'
import { hostNote } from '../../store/host-notes.ts'
import { type Moved, type MoveOptions, moveStore, undoMove } from '../../store/move.ts'
import { type ConfigOptions, loadSound, unfitStore } from '../config.ts'
import type { OptionsOf } from '../define-command.ts'
import { noted } from './noted.ts'
import type { moveOptions } from './options.ts'
import { progressLine } from './progress-line.ts'

type Options = OptionsOf<typeof moveOptions> & ConfigOptions

/** The SQLite store, and what belongs to it. */
type Source = Required<Pick<MoveOptions, 'file' | 'dataDir' | 'edges'>>

const edges = { clock: systemClock, chance: systemChance }
const noTarget =
  'say where to by --to, as postgres://USER@HOST/NAME, ' +
  'or @FILE, env:NAME or - with the address in it; --undo takes a move back'

/** Moves the store that the configuration names to PostgreSQL, or takes a move back, while no server runs. */
export async function move(options: Options, env: NodeJS.ProcessEnv): Promise<number> {
  if (options.undo && options.to !== undefined)
    return complain('--to and --undo do not go together', exitStatus.usage)
  const to = options.undo ? ok('') : targetOf(options.to, env)
  if (!to.ok) return complain(to.failure, exitStatus.usage)
  const loaded = loadSound(options, env)
  if (loaded === undefined) return exitStatus.config
  const { database, data_dir: dataDir, key_file: keyFile } = loaded.server
  const unfit = unfitStore(loaded.server, options)
  if (unfit !== undefined) return complain(unfit)
  if (database.engine === 'postgres')
    return complain(
      'database in [server] names PostgreSQL already: ' +
        'a move needs a configuration (-c) whose database is the SQLite store',
    )
  const source = { file: database.path, dataDir, edges }
  if (options.undo) return undo(source, options, env)
  const progress = progressLine(!options.quiet)
  const done = await moveStore({
    ...source,
    keyFile,
    to: to.value,
    factsOf: ends => factsOfMove(ends, env),
    tell: how => progress.show(progressText(how), false),
  })
  progress.end()
  if (!done.ok) return complain(done.failure)
  const settings = { database: done.value.to, key_file: keyFile, data_dir: dataDir }
  if (options.json) printJson({ ...done.value, configuration: settings })
  else if (!options.quiet) {
    sayMoved(done.value, { loaded, isSecret: hasPassword(to.value) })
    const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`)
    print(`[server]\n${lines.join('')}`)
  }
  return exitStatus.ok
}

async function undo(source: Source, options: Options, env: NodeJS.ProcessEnv): Promise<number> {
  const undone = await noted(source, 'server-move-undo', null, env, async () => undoMove(source))
  if (!undone.ok) return complain(undone.failure)
  const { to, at } = undone.value
  if (options.json) printJson({ outcome: 'undone', from: source.file, to, moved_at: at })
  else if (!options.quiet)
    sayError(
      `runner: the store in ${source.file} is as it was on ${at}, and a server starts on it again\n` +
        `runner: let no server start on ${to} any more, or jobs run twice: ` +
        'DROP SCHEMA runner CASCADE there, once nothing of it is needed\n',
    )
  return exitStatus.ok
}

function complain(message: string, status: number = exitStatus.unavailable): number {
  sayError(`runner: ${message}\n`)
  return status
}

/** The address that `--to` names; fails with a sentence, which never has a password in it. */
export function targetOf(named: string | undefined, env: NodeJS.ProcessEnv): Result<string, string> {
  if (named === undefined) return fail(noTarget)
  const read = readTarget(named, env)
  if (!read.ok) return read
  const url = read.value.trim()
  // A text that is not understood is not repeated: it may be a password.
  if (!/^postgres(ql)?:\/\/\S+$/.test(url) || !URL.canParse(url))
    return fail('the target of a move must be postgres://USER@HOST/NAME: no other one is known')
  if (url === named && hasPassword(url))
    return fail(
      'every user of this host can read a password on the command line: ' +
        'write the address into a file and say --to @FILE, or leave the password to PGPASSWORD or ~/.pgpass',
    )
  return ok(url)
}

function readTarget(named: string, env: NodeJS.ProcessEnv): Result<string, string> {
  if (named.startsWith('env:')) {
    const value = env[named.slice('env:'.length)]
    return value === undefined
      ? fail(`--to ${named}: there is no such variable in the environment`)
      : ok(value)
  }
  if (named !== '-' && !named.startsWith('@')) return ok(named)
  const file = named.replace(/^@/, '')
  try {
    return ok(readFileSync(named === '-' ? 0 : file, 'utf8'))
  } catch (error) {
    return fail(`${named === '-' ? 'standard input' : file} cannot be read: ${errorText(error)}`)
  }
}

function factsOfMove(
  ends: { from: string; to: string },
  env: NodeJS.ProcessEnv,
): ReturnType<typeof factsOfNote> {
  const facts = factsOfNote(hostNote('server-move', ends.to, { edges, env }))
  return { ...facts, after: { ...(facts.after as object), from: ends.from } }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

type Told = Parameters<MoveOptions['tell']>[0]
const progressText = ({ stage, rows, ofRows, bytes, ofBytes }: Told): string =>
  `${stage}: ${rows} of ${ofRows} rows, ${megabytes(bytes)} of ${megabytes(ofBytes)} of logs`

function sayMoved(
  { outcome, restarted, rows, log_bytes, damaged_rows, missing_log_bytes, from, to }: Moved,
  { loaded, isSecret }: { loaded: Configuration; isSecret: boolean },
): void {
  const lines =
    outcome === 'completed'
      ? [`the store in ${from} had been copied to ${to} already; the move is complete now`]
      : [
          `${rows} rows and ${megabytes(log_bytes)} of logs moved from ${from} to ${to}; ` +
            'counts and hashes agree',
        ]
  if (restarted) lines.unshift('an earlier move was cut off, and what it had left is replaced')
  if (damaged_rows > 0) lines.push(`${damaged_rows} rows cannot be read, as before: they are shown as that`)
  if (missing_log_bytes > 0)
    lines.push(`${missing_log_bytes} bytes of logs were missing before, and are missing now`)
  lines.push(`no server starts on ${from} any more; \`runner server move --undo\` takes that back`)
  const where = loaded.files[0] ?? 'the configuration'
  const password = isSecret ? ', database with its password as you have given it' : ''
  lines.push(`now put these lines into ${where}${password}, and start the server`)
  sayError(lines.map(line => `runner: ${line}\n`).join(''))
}
