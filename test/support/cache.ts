import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * A file or directory that costs minutes to make and is kept for later runs of the tests, outside of the checkout;
 * `make` puts it at the path that it gets.
 */
export async function cached(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'runner-test')
  const path = join(folder, name)
  if (existsSync(path)) return path
  mkdirSync(folder, { recursive: true })
  const work = `${path}.${process.pid}`
  try {
    await make(work)
    if (!existsSync(path)) renameSync(work, path)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return path
}
