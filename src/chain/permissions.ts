import { lstatSync, readlinkSync, realpathSync, type Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Diagnostic } from '../config/diagnostic.ts'
import { shown } from './names.ts'

const groupOrOthersWrite = 0o022
const sticky = 0o1000

/**
 * What stands against running these files as root: each of them, and each directory above it, must be owned by
 * root or the caller and not writable by group or others; directories with the sticky bit may be. Otherwise
 * somebody else decides what root runs. Files that are not there are passed over.
 */
export function untrusted(paths: readonly string[], caller: number): Diagnostic[] {
  const findings: Diagnostic[] = []
  for (const path of withParents(paths)) {
    const stat = attempt(() => lstatSync(path))
    if (stat === undefined) continue
    const problem = problemOf(path, stat, caller)
    if (problem !== undefined)
      findings.push({ severity: 'error', reason: 'untrusted', file: path, ...problem })
  }
  return findings
}

function problemOf(path: string, stat: Stats, caller: number): { message: string; hint: string } | undefined {
  if (stat.uid !== 0 && stat.uid !== caller) {
    const message = `belongs to user ${stat.uid}, who would decide what root runs`
    return { message, hint: `chown ${stat.isSymbolicLink() ? '-h ' : ''}root ${quoted(path)}` }
  }
  const stickyDirectory = stat.isDirectory() && (stat.mode & sticky) !== 0
  if (stickyDirectory || (stat.mode & groupOrOthersWrite) === 0 || !(stat.isFile() || stat.isDirectory()))
    return undefined
  const message = 'is writable by group or others, who would decide what root runs'
  return { message, hint: `chmod go-w ${quoted(path)}` }
}

/** Each path, all directories on the way to it, and where links on that way lead. */
function withParents(paths: readonly string[]): Set<string> {
  const all = new Set<string>()
  const add = (path: string) => {
    for (let at = path; !all.has(at); at = dirname(at)) {
      all.add(at)
      const target = attempt(() => readlinkSync(at))
      if (target !== undefined) add(resolve(dirname(at), target))
    }
  }
  for (const path of paths) {
    add(path)
    add(attempt(() => realpathSync(path)) ?? path)
  }
  return all
}

/** Undefined where the path is not there, or no link: another check says so. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}

function quoted(path: string): string {
  return /^[\w./+:@%,=-]+$/.test(path) ? path : `'${shown(path).replaceAll("'", "'\\''")}'`
}
