import { existsSync } from 'node:fs'
import { lstat, opendir, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, fail, ok, type Result } from '../result.ts'
import { runProgram } from './program.ts'

/** Files of a directory that are removed without another process. */
const few = 10

/**
 * Removes a directory and all in it; one that is not there is fine. Where it has more than a few files, rm(1)
 * removes it: that follows no link, goes as deep as a job may have gone, and keeps no event loop busy with a
 * million files. Directories that their owner locked are opened first. Fails with a sentence.
 */
export async function removeTree(path: string): Promise<Result<void, string>> {
  if (await removeFew(path)) return ok(undefined)
  const first = await runProgram('rm', ['-rf', '--', path])
  if (first.ok || !existsSync(path)) return ok(undefined)
  await runProgram('chmod', ['-R', 'u+rwX', '--', path])
  const second = await runProgram('rm', ['-rf', '--', path])
  if (second.ok || !existsSync(path)) return ok(undefined)
  const { message } = second.failure
  const whose = /permission denied/i.test(message) ? "; its content is another user's: remove it as root" : ''
  return fail(`${path} cannot be removed: ${message}${whose}`)
}

/** Removes a directory of a few files, or none; false: it is another one, and may have lost some of them. */
async function removeFew(path: string): Promise<boolean> {
  try {
    if (!(await lstat(path)).isDirectory()) return false
    const names: string[] = []
    for await (const entry of await opendir(path)) {
      if (entry.isDirectory() || names.length === few) return false
      names.push(entry.name)
    }
    await Promise.all(names.map(name => unlink(join(path, name))))
    await rmdir(path)
    return true
  } catch (error) {
    return errorCode(error) === 'ENOENT' && !existsSync(path)
  }
}
