import { realpathSync } from 'node:fs'

/** A path without links, or the path itself if it leads nowhere. */
export function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
