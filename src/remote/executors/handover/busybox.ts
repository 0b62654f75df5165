/*
 * The supervisor runs under a busybox of the host, which must be statically linked, since an image may lack
 * the libraries that it needs. The busybox is copied once into the state directory and mounted from there, so
 * that an upgrade of its package does not change it under running jobs.
 */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  openSync,
  readSync,
  statSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { errorText, fail, ok, type Result } from '../../../result.ts'
import { copyDurably, makeDirectory } from '../../../system/durable-file.ts'
import { namesInterpreter, readElfHeader } from '../../../system/elf.ts'
import { runProgram } from '../../../system/program.ts'

const places = ['/bin', '/usr/bin', '/sbin', '/usr/sbin', '/usr/local/bin', '/usr/lib/busybox']
const names = ['busybox', 'busybox.static', 'busybox-static', 'bb']

/** The programs of busybox that the supervisor uses. */
const applets = 'sh cat chmod cut env find grep head mkfifo rm sha256sum stat touch'.split(' ')

/** The way to install a static busybox. */
const advice =
  'install one: apt-get install busybox-static (Debian, Ubuntu), ' +
  'dnf install busybox (Fedora), apk add busybox-static (Alpine)'

/**
 * The path of a static busybox in the state directory; copies that of the host if there is none yet. Fails
 * with what was found instead, and how to install one.
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
  const found = problems.length === 0 ? 'this host has none' : problems.join('; ')
  return fail(`a statically linked busybox is needed, and ${found}; ${advice}`)
}

/**
 * Puts the kept busybox at a path in a container. There it can be executed and not read, so no process in the
 * container can trace a process that runs it (ptrace(2)); with `readable` it can be read too. Throws system
 * errors.
 */
export function shareBusybox(kept: string, path: string, readable: boolean): void {
  const sealed = `${kept}.sealed`
  if (!existsSync(sealed) || statSync(sealed).size !== statSync(kept).size) copyDurably(kept, sealed, 0o111)
  try {
    linkSync(readable ? kept : sealed, path)
  } catch {
    // The path is on another disk, so it cannot be a link.
    copyFileSync(kept, path)
    chmodSync(path, readable ? 0o555 : 0o111)
  }
}

/** Why a file cannot be used as busybox; undefined if it can. */
async function problemOf(path: string): Promise<string | undefined> {
  try {
    const head = headOf(path)
    const header = readElfHeader(head)
    if (header === undefined) return 'is not a binary'
    if (namesInterpreter(head, header)) return 'is not statically linked'
  } catch (error) {
    return `cannot be read: ${errorText(error)}`
  }
  const listed = await runProgram(path, ['sh', '-c', '"$0" --list', path], { limit: 10 })
  if (!listed.ok) return 'does not run here'
  const have = listed.value.stdout.split('\n').map(line => line.slice(line.lastIndexOf('/') + 1))
  const lacking = applets.filter(applet => !have.includes(applet))
  return lacking.length === 0 ? undefined : `has no ${lacking.join(', ')}`
}

/** The first bytes of a file, where linkers put the headers of an ELF file. Throws system errors. */
function headOf(path: string): Buffer {
  const fd = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(4096)
    return bytes.subarray(0, readSync(fd, bytes))
  } finally {
    closeSync(fd)
  }
}
