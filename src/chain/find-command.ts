import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Whether a path is a file that may be executed. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** Where a command is: itself if it has a slash in it, else the first on `path`; undefined if nowhere. */
export function findCommand(command: string, path: string | undefined): string | undefined {
  if (command.includes('/')) return isExecutable(command) ? command : undefined
  const folders = (path ?? '/usr/local/bin:/usr/bin:/bin').split(delimiter)
  return folders.map(folder => join(folder || '.', command)).find(isExecutable)
}
