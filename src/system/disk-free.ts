import { statfsSync } from 'node:fs'

/** The file system of a path, in bytes. */
export interface DiskSpace {
  /** Free for users other than root, whose reserve is left out. */
  free: number
  size: number
}

/** The space of the file system that a path is on. Throws system errors. */
export function diskSpace(path: string): DiskSpace {
  const { bavail, blocks, bsize } = statfsSync(path)
  return { free: bavail * bsize, size: blocks * bsize }
}

/** Bytes free on the file system of a path; undefined where the system does not tell. */
export function freeBytes(path: string): number | undefined {
  try {
    return diskSpace(path).free
  } catch {
    return undefined
  }
}
