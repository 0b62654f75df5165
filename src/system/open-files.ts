import { readlinkSync } from 'node:fs'
import { listProc, pids } from './proc.ts'

/** A file that a process holds open, whatever has become of its name. */
export interface OpenFile {
  pid: number
  /** Its name as the kernel knows it now, with ` (deleted)` behind it where it has been removed. */
  name: string
  /** The file can be read at this path while it is open. */
  path: string
}

/**
 * The files that other processes hold open, as far as this user may see them; none where there is no /proc.
 */
export function* openFiles(): Generator<OpenFile> {
  for (const pid of pids())
    for (const fd of listProc(`${pid}/fd`)) {
      const path = `/proc/${pid}/fd/${fd}`
      const name = linkOf(path)
      if (name !== undefined) yield { pid, name, path }
    }
}

/** Undefined where it has been closed meanwhile. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
