/*
 * Finds out who may change a file, because that user decides what a program does that uses the file. git's
 * safe.directory is the model.
 */

import { lstatSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { escaped } from './printable.ts'
import { shellQuote } from './shell-quote.ts'

/** Whom a process trusts. */
export interface Trust {
  /** The users who may own what it uses. */
  owners: readonly number[]
  /** The permission bits that nothing it uses may have, except directories with the sticky bit. */
  writers: number
}

/** Why a file is not trusted. */
export interface Distrust {
  path: string
  message: string
  /** The command that fixes it. */
  hint: string
}

const groupOrOthersWrite = 0o022
const othersWrite = 0o002
const sticky = 0o1000

export const isRoot = (): boolean => process.geteuid?.() === 0

/**
 * Root trusts root and, under sudo(8), its caller, and nothing that group or others may write. Another user
 * trusts root and itself, and nothing that others may write: a checkout is often writable by the user's own
 * group.
 */
export function trustOf(env: NodeJS.ProcessEnv): Trust {
  if (isRoot()) return { owners: [0, Number(env.SUDO_UID ?? 0) || 0], writers: groupOrOthersWrite }
  return { owners: [0, process.geteuid?.() ?? 0], writers: othersWrite }
}

/**
 * The reasons against using these files: each of them, each directory above it and each link on the way must
 * belong to somebody who is trusted, and nobody else may write to it. Files that are not there are passed
 * over.
 */
export function distrusted(paths: readonly string[], trust: Trust): Distrust[] {
  return [...withParents(paths)].flatMap(path => {
    const stat = attempt(() => lstatSync(path))
    return stat === undefined ? [] : (problemOf(path, stat, trust) ?? [])
  })
}

/** The links on the way to a path that belong to somebody who is not trusted. */
export function distrustedLinks(path: string, { owners }: Trust): Distrust[] {
  return distrusted([path], { owners, writers: 0 }).filter(({ path }) => lstatSync(path).isSymbolicLink())
}

/** The reason against one file, whose state is known. */
export function problemOf(path: string, stat: Stats, { owners, writers }: Trust): Distrust | undefined {
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0')
  const foreign = !owners.includes(stat.uid)
  const stickyDirectory = stat.isDirectory() && (stat.mode & sticky) !== 0
  const loose = !stickyDirectory && (stat.isFile() || stat.isDirectory()) && (stat.mode & writers) !== 0
  if (!foreign && !loose) return undefined
  const whose = owners.every(owner => owner === 0) ? 'root' : `user ${owners.at(-1)}`
  const who = writers === othersWrite ? 'others' : 'group or others'
  const then = `who would decide what ${isRoot() ? 'root' : whose} runs`
  const message = foreign
    ? `belongs to user ${stat.uid} (mode ${mode}), ${then}`
    : `is writable by ${who} (owner ${stat.uid}, mode ${mode}), ${then}`
  const owner = isRoot() ? 'root' : owners.at(-1)
  const chown = `chown ${stat.isSymbolicLink() ? '-h ' : ''}${owner} ${quoted(path)}`
  const chmod = `chmod ${who === 'others' ? 'o-w' : 'go-w'} ${quoted(path)}`
  const hint = [...(foreign ? [chown] : []), ...(loose ? [chmod] : [])].join(' && ')
  return { path, message, hint }
}

/**
 * Why root must not keep its files in these directories, with what fixes it: each must be root's own and
 * nobody else may make files in it, which the sticky bit allows. Undefined where all is well, for another
 * user, and for what is not there yet.
 */
export function unfitForRoot(paths: readonly string[]): string | undefined {
  if (!isRoot()) return undefined
  const strict: Trust = { owners: [0], writers: groupOrOthersWrite }
  const own = paths.flatMap(path => {
    const stat = attempt(() => statSync(path))
    if (stat === undefined) return []
    const loose = stat.isDirectory() && (stat.mode & groupOrOthersWrite) !== 0
    const message = 'is writable by others than root'
    // Others need the directory as it is: /tmp, for example.
    const shared = (stat.mode & sticky) !== 0
    const hint = shared ? "name a place in a directory of root's own" : `chmod go-w ${quoted(path)}`
    return problemOf(path, stat, strict) ?? (loose ? { path, message, hint } : [])
  })
  const found = [...own, ...distrusted(paths, trustOf(process.env))][0]
  return found === undefined ? undefined : `${found.path} ${found.message}: ${found.hint}`
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
    add(resolve(path))
    const real = attempt(() => realpathSync(path))
    if (real !== undefined) add(real)
  }
  return all
}

/** Undefined where the path is not there, or is not a link: another check says so. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}

/** A path in a command for a person; a terminal must not be changed by it. */
const quoted = (path: string) => shellQuote(escaped(path))
