/*
 * Notes of an administrator's actions on a whole store on its host, past the server: a backup, a restore, a
 * rekey, a move. Only a server may add to its audit log while it runs, so the command leaves a file beside
 * the store, and the server makes an entry of it, within a minute or at its next start
 * (server/upkeep/host-notes.ts).
 */
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Edges } from '../edges.ts'
import { errorText, fail, ok, type Result } from '../result.ts'
import { createDurably } from '../system/durable-file.ts'

const hostCalls = [
  ...(['server-backup', 'server-restore', 'server-rekey'] as const),
  ...(['server-move', 'server-move-undo'] as const),
] as const

export interface HostNote {
  call: (typeof hostCalls)[number]
  /** The user of the process; `sudo_user` is the user who has called sudo, if sudo has started it. */
  user: string
  uid: number
  sudo_user: string | null
  /** The time in RFC 3339, by the clock of the host. */
  at: string
  /** The file of a backup; of a move the database, without its password. */
  file: string | null
}

const directoryIn = (dataDir: string) => join(dataDir, 'host-notes')

/** Makes the note of an action that this process does now. */
export function hostNote(
  call: HostNote['call'],
  file: string | null,
  { edges: { clock }, env }: { edges: Pick<Edges, 'clock'>; env: NodeJS.ProcessEnv },
): HostNote {
  return {
    call,
    ...processUser(),
    sudo_user: env.SUDO_USER ?? null,
    at: clock.now().toISOString(),
    file,
  }
}

/**
 * Leaves a note beside the store, on disk when this returns; gives its path, or undefined where there is no
 * directory, and so no store. Fails with a sentence.
 */
export function leaveNote(
  dataDir: string,
  call: HostNote['call'],
  file: string | null,
  { edges, env }: { edges: Edges; env: NodeJS.ProcessEnv },
): Result<string | undefined, string> {
  if (!existsSync(dataDir)) return ok(undefined)
  const directory = directoryIn(dataDir)
  const note = hostNote(call, file, { edges, env })
  const path = join(directory, `${note.at.replaceAll(':', '-')}-${edges.chance.id()}.json`)
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    createDurably(path, JSON.stringify(note))
    // Root may run the command for the user of the server, which must be able to read the note.
    const { uid, gid } = statSync(dataDir)
    if (uid !== process.getuid!()) for (const made of [directory, path]) chownSync(made, uid, gid)
    return ok(path)
  } catch (error) {
    return fail(`the audit log cannot be told of it: ${errorText(error)}`)
  }
}

/** The notes that were left, the oldest first; one that is damaged has no `note`. */
export function notesIn(dataDir: string): { path: string; note: HostNote | undefined }[] {
  const directory = directoryIn(dataDir)
  if (!existsSync(directory)) return []
  const names = readdirSync(directory).filter(name => name.endsWith('.json'))
  return names.sort().map(name => ({ path: join(directory, name), note: readNote(join(directory, name)) }))
}

export const removeNote = (path: string): void => rmSync(path, { force: true })

function readNote(path: string): HostNote | undefined {
  try {
    const note = JSON.parse(readFileSync(path, 'utf8')) as Partial<HostNote> | null
    return note !== null && hostCalls.some(call => call === note.call) && typeof note.user === 'string'
      ? (note as HostNote)
      : undefined
  } catch {
    return undefined
  }
}

function processUser(): Pick<HostNote, 'user' | 'uid'> {
  const uid = process.getuid!()
  try {
    return { user: userInfo().username, uid }
  } catch {
    // The user has no entry in /etc/passwd.
    return { user: String(uid), uid }
  }
}
