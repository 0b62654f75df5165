import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fail, ok, type Result } from '../../result.ts'

/**
 * Removes a directory and all in it; one that is not there is fine. By rm(1), which follows no link, goes as deep as a
 * job may have gone, and keeps no event loop busy with a million files. Directories that their owner locked are opened
 * first. Fails with a sentence.
 */
export async function removeTree(path: string): Promise<Result<void, string>> {
  if ((await run('rm', '-rf', '--', path)) === undefined || !existsSync(path)) return ok(undefined)
  await run('chmod', '-R', 'u+rwX', '--', path)
  const said = await run('rm', '-rf', '--', path)
  return said === undefined || !existsSync(path) ? ok(undefined) : fail(`${path} cannot be removed: ${said}`)
}

/** Undefined where all went well, else the first line of what was said. */
function run(command: string, ...args: string[]): Promise<string | undefined> {
  return new Promise(resolve =>
    execFile(command, args, { maxBuffer: 2 ** 30 }, (error, _, said) =>
      resolve(error === null ? undefined : said.trim().split('\n')[0] || error.message),
    ),
  )
}
