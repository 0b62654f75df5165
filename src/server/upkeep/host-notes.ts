import { basename } from 'node:path'
import { type HostNote, notesIn, removeNote } from '../../store/host-notes.ts'
import type { Store } from '../../store/store.ts'
import { factsOf } from '../rules/audit-facts.ts'

/** Under which the store has the time of the newest backup. */
export const newestBackupKey = 'newest-backup'

/**
 * Puts the notes that commands have left on this host into the audit log. A crash between the entry and the
 * removal of the note leads to a second entry, and never to none.
 */
export async function takeHostNotes(store: Store, dataDir: string): Promise<void> {
  for (const { path, note } of notesIn(dataDir)) {
    const facts = note === undefined ? damaged(path) : factsOfNote(note)
    await store.write(
      async tx => {
        tx.audit(facts)
        if (note?.call === 'server-backup') tx.setMeta(newestBackupKey, note.at)
      },
      { durable: true },
    )
    removeNote(path)
  }
}

/** The entry of the audit log about a note. */
export function factsOfNote({ call, user, uid, sudo_user, at, file }: HostNote): ReturnType<typeof factsOf> {
  const after = { user, uid, sudo_user, at, file }
  return { ...factsOf(call, { object: file, after }), token_name: `${user} (uid ${uid})` }
}

const damaged = (path: string): ReturnType<typeof factsOf> =>
  factsOf('server-note', { object: null, after: { damaged: basename(path) } })
