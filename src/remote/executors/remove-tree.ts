import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fail, ok, type Result } from '../../result.ts'

/**
 * Removes a directory and all in it; one that is not there is fine. By rm(1), which follows no link, goes as deep as a
 * job may have gone, and keeps no event loop busy with a million files. Fails with a sentence.
 */
export function removeTree(path: string): Promise<Result<void, string>> {
  return new Promise(resolve =>
    execFile('rm', ['-rf', '--', path], (error, _, said) =>
      resolve(
        error === null || !existsSync(path)
          ? ok(undefined)
          : fail(`${path} cannot be removed: ${said.trim().split('\n')[0] || error.message}`),
      ),
    ),
  )
}
