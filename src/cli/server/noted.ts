import { systemChance, systemClock } from '../../edges.ts'
import type { Result } from '../../result.ts'
import { type HostNote, leaveNote, removeNote } from '../../store/host-notes.ts'

/**
 * Does something with a whole store, of which the audit log is told first: there may be an entry of what was
 * cut off, and nothing is done without one. A failure takes the note back.
 */
export async function noted<T>(
  { dataDir }: { dataDir: string },
  call: HostNote['call'],
  file: string | null,
  env: NodeJS.ProcessEnv,
  action: () => Promise<Result<T, string>>,
): Promise<Result<T, string>> {
  const note = leaveNote(dataDir, call, file, { edges: { clock: systemClock, chance: systemChance }, env })
  if (!note.ok) return note
  const done = await action()
  if (!done.ok && note.value !== undefined) removeNote(note.value)
  return done
}
