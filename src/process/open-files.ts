import { readdirSync, readlinkSync } from 'node:fs'

/** A file that a process holds open, whatever has become of its name. */
export interface OpenFile {
  pid: number
  /** Where it is now, as the kernel says it: ` (deleted)` behind it where it has been removed. */
  name: string
  /** By this it can be read for as long as it is open. */
  path: string
}

/** The files that other processes hold open, as far as we may see them; none where there is no /proc. */
export function* openFiles(): Generator<OpenFile> {
  for (const entry of list('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    for (const fd of list(`/proc/${pid}/fd`)) {
      const path = `/proc/${pid}/fd/${fd}`
      const name = linkOf(path)
      if (name !== undefined) yield { pid, name, path }
    }
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
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
