import { realpathSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
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
    const stat = statSync(path, { throwIfNoEntry: false })
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
    return { message, hint: `chown root ${quoted(path)}` }
  }
  const stickyDirectory = stat.isDirectory() && (stat.mode & sticky) !== 0
  if (stickyDirectory || (stat.mode & groupOrOthersWrite) === 0 || !(stat.isFile() || stat.isDirectory()))
    return undefined
  const message = 'is writable by group or others, who would decide what root runs'
  return { message, hint: `chmod go-w ${quoted(path)}` }
}

/** Each path and all directories on the way to it, as it is written and as it really is. */
function withParents(paths: readonly string[]): Set<string> {
  const all = new Set<string>()
  const add = (path: string) => {
    for (let at = path; !all.has(at); at = dirname(at)) all.add(at)
  }
  for (const path of paths) {
    add(path)
    try {
      add(realpathSync(path))
    } catch {
      // Not there: its own check says so.
    }
  }
  return all
}

function quoted(path: string): string {
  return /^[\w./+:@%,=-]+$/.test(path) ? path : `'${shown(path).replaceAll("'", "'\\''")}'`
}
