import { closeSync, constants, openSync, readSync } from 'node:fs'
import { resolve } from 'node:path'
import { envTarget, isEnv } from './env-command.ts'
import { findCommand } from './find-command.ts'

/**
 * The most interpreters of interpreters that are followed: the kernel follows 5 (BINPRM_MAX_RECURSION), env
 * starts anew.
 */
const deepest = 10

/**
 * A file that is to be started and all that starts with it: its interpreter, the interpreter of that, and so
 * on.
 */
export function programsOf(file: string, path: string | undefined, depth = 0): string[] {
  const [interpreter, ...words] = depth < deepest ? hashbang(file) : []
  if (interpreter === undefined) return [file]
  return [file, ...programsOfCommand([interpreter, ...words, file], path, depth + 1)]
}

/**
 * The same for the words of a command: its program is looked for on `path`, and so is the program that env(1)
 * starts.
 */
export function programsOfCommand(words: readonly string[], path: string | undefined, depth = 0): string[] {
  const [program, ...rest] = words
  const found = program === undefined ? undefined : findCommand(program, path)
  if (program === undefined || found === undefined) return []
  const programs = programsOf(resolve(found), path, depth)
  const target = isEnv(program) ? envTarget(rest, path) : undefined
  if (target?.kind !== 'program' || depth >= deepest) return programs
  const started = findCommand(target.program, target.path)
  return started === undefined ? programs : [...programs, ...programsOf(resolve(started), path, depth + 1)]
}

/**
 * The interpreter of a script and the one word after it; nothing for a file that is not a script or cannot be
 * read.
 */
function hashbang(file: string): string[] {
  let fd: number
  try {
    // Opening a FIFO would wait for its writer.
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return []
  }
  try {
    const head = Buffer.alloc(256)
    const text = head.toString('utf8', 0, readSync(fd, head))
    const [, interpreter = '', rest = ''] = /^#![ \t]*([^ \t\n]*)[ \t]*(.*)/.exec(text) ?? []
    return interpreter === '' ? [] : [interpreter, ...(rest.trim() === '' ? [] : [rest.trim()])]
  } catch {
    return []
  } finally {
    closeSync(fd)
  }
}
