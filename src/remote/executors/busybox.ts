/*
 * The supervisor runs under a busybox of the host, which must be statically linked: the images have no libraries for
 * it. It is copied once into the state directory and mounted from there, so that an upgrade of the package does not
 * pull it away under running jobs.
 */
import { execFile } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { makeDirectory } from '../../journal/files.ts'
import { errorText, fail, ok, type Result } from '../../result.ts'

const places = ['/bin', '/usr/bin', '/sbin', '/usr/sbin', '/usr/local/bin', '/usr/lib/busybox']
const names = ['busybox', 'busybox.static', 'busybox-static', 'bb']

/** What the supervisor uses of it. */
const applets = 'sh cat chmod cut env find grep head mkfifo rm sha256sum stat touch'.split(' ')

/** How to get one. */
const advice =
  'install one: apt-get install busybox-static (Debian, Ubuntu), dnf install busybox (Fedora), apk add busybox-static (Alpine)'

/**
 * A static busybox in the state directory, under the name `busybox`: the one that is there, else a copy of the
 * host's. Fails with what was found instead and how to get one.
 */
export async function keepBusybox(stateDir: string, env: NodeJS.ProcessEnv): Promise<Result<string, string>> {
  const folder = join(stateDir, 'bin')
  const kept = join(folder, 'busybox')
  if (existsSync(kept) && (await problemOf(kept)) === undefined) return ok(kept)
  const folders = [...places, ...(env.PATH ?? '').split(delimiter)].filter(path => path.startsWith('/'))
  const problems: string[] = []
  for (const candidate of new Set(folders.flatMap(path => names.map(name => join(path, name))))) {
    if (!existsSync(candidate)) continue
    const problem = await problemOf(candidate)
    if (problem !== undefined) {
      problems.push(`${candidate} ${problem}`)
      continue
    }
    try {
      makeDirectory(folder)
      copyDurably(candidate, kept, 0o755)
      return ok(kept)
    } catch (error) {
      return fail(`${candidate} cannot be copied to ${folder}: ${errorText(error)}`)
    }
  }
  const found = problems.length === 0 ? 'there is none' : problems.join('; ')
  return fail(`a statically linked busybox is needed, and ${found}; ${advice}`)
}

/**
 * Puts a kept busybox where a container is to find it: it can be executed there, and not read, so nobody in the container
 * can trace a process that runs it (ptrace(2)). Throws system errors.
 */
export function shareBusybox(kept: string, path: string): void {
  const sealed = `${kept}.sealed`
  if (!existsSync(sealed) || statSync(sealed).size !== statSync(kept).size) copyDurably(kept, sealed, 0o111)
  try {
    linkSync(sealed, path)
  } catch {
    // Another disk.
    copyFileSync(kept, path)
    chmodSync(path, 0o111)
  }
}

/** Copies a file so that the copy is there whole or not at all. Throws system errors. */
function copyDurably(from: string, to: string, mode: number): void {
  const part = `${to}.${process.pid}`
  try {
    copyFileSync(from, part)
    const fd = openSync(part, 'r')
    fsyncSync(fd)
    closeSync(fd)
    chmodSync(part, mode)
    renameSync(part, to)
  } catch (error) {
    rmSync(part, { force: true })
    throw error
  }
}

/** Why a file will not do; undefined where it will. */
async function problemOf(path: string): Promise<string | undefined> {
  try {
    const file = headOf(path)
    if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46) return 'is no binary'
    if (hasInterpreter(file)) return 'is not statically linked'
  } catch (error) {
    return `cannot be read: ${errorText(error)}`
  }
  const listed = await new Promise<string | undefined>(resolve =>
    execFile(path, ['sh', '-c', '"$0" --list', path], { timeout: 10_000 }, (error, out) =>
      resolve(error === null ? out : undefined),
    ),
  )
  if (listed === undefined) return 'does not run here'
  const have = listed.split('\n').map(line => line.slice(line.lastIndexOf('/') + 1))
  const lacking = applets.filter(applet => !have.includes(applet))
  return lacking.length === 0 ? undefined : `has no ${lacking.join(', ')}`
}

/** The first bytes of a file, in which a linker puts what an ELF file says of itself. Throws system errors. */
function headOf(path: string): Buffer {
  const fd = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(4096)
    return bytes.subarray(0, readSync(fd, bytes))
  } finally {
    closeSync(fd)
  }
}

/** Whether an ELF file names a dynamic linker (PT_INTERP of elf(5)). */
function hasInterpreter(file: Buffer): boolean {
  const wide = file[4] === 2
  const little = file[5] === 1
  const half = (at: number) => (little ? file.readUInt16LE(at) : file.readUInt16BE(at))
  const word = (at: number) => (little ? file.readUInt32LE(at) : file.readUInt32BE(at))
  const long = (at: number) => Number(little ? file.readBigUInt64LE(at) : file.readBigUInt64BE(at))
  const table = wide ? long(32) : word(28)
  const [size, count] = [half(wide ? 54 : 42), half(wide ? 56 : 44)]
  for (let index = 0; index < count; index++) {
    const at = table + index * size
    if (at + 4 > file.length) return false
    if (word(at) === 3) return true
  }
  return false
}
