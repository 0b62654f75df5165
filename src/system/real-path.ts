import { realpathSync } from 'node:fs'

/** A path without links, or as it is where it leads nowhere. */
export function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
