/*
 * Measures how much a container has on disk. du(1) counts files with a name. Files without a name, which a
 * process of the container holds open or mapped, are found in /proc of this host; that needs root on the
 * engine's host, with CAP_SYS_PTRACE for open files and CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN for files
 * that are only mapped. A file that was sent over a socket and not yet received can be noticed, but not
 * measured.
 */
import { readFile, stat, statfs } from 'node:fs/promises'
import { defined, errorCode } from '../../../result.ts'
import { listProcSlowly, readProcFileSlowly } from '../../../system/proc.ts'
import { runProgram } from '../../../system/program.ts'

export type Unseen =
  | 'files of volumes, and files without a name,'
  | 'files without a name'
  | 'files that are mapped, and neither named nor open,'

export interface DiskUse {
  /** If something is missing, the real use is at least this. */
  bytes: number
  /** The part that could not be measured this time, although this host can measure it. */
  missing?: string
  /** The part that this host can never measure. */
  unseen?: Unseen
}

/** Seconds that du may take, and how many open and mapped files are looked at. */
const limits = { walk: 60, files: 200_000 }
/** Reading so many lines of /proc/PID/maps takes as long as looking at one file. */
const linesInLook = 16

/** The bytes on disk of some directories and files; a path that does not exist counts as none. */
export async function namedUse(busybox: string, paths: readonly string[]): Promise<DiskUse> {
  if (paths.length === 0) return { bytes: 0 }
  // The status of du is 1 if a file was removed while it counted.
  const { stdout, stderr, whole } = await du(busybox, paths)
  const kibibytes = stdout.split('\n').map(line => Number.parseInt(line, 10) || 0)
  const bytes = kibibytes.reduce((sum, size) => sum + size * 1024, 0)
  if (!whole) return { bytes, missing: `its files were not counted within ${limits.walk} s` }
  return /permission denied/i.test(stderr)
    ? { bytes, missing: 'it has directories that runner may not look into' }
    : { bytes }
}

async function du(busybox: string, paths: readonly string[]) {
  // None of the paths is a symbolic link: runner or the engine has made them.
  const done = await runProgram(busybox, ['du', '-sxk', ...paths], { limit: limits.walk })
  if (done.ok) return { ...done.value, whole: true }
  const { stdout, stderr, status } = done.failure
  return { stdout, stderr, whole: status === 1 }
}

/**
 * The pids of a container's processes on this host; none if this process and the engine see different
 * processes.
 */
export async function processesOf(containerId: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await listProcSlowly('.'))
    if (/^\d+$/.test(name) && (await readProcFileSlowly(`${name}/cgroup`)).includes(containerId))
      found.push(name)
  return found
}

/**
 * The bytes on disk of files without a name that processes hold open or mapped. The call may never end: the
 * kernel lets a reader of /proc wait for a process that holds the lock of its own memory.
 */
export async function namelessUse(processes: readonly string[]): Promise<DiskUse> {
  const found = new Map<string, number>()
  let unseen: Unseen | undefined = processes.length === 0 ? 'files without a name' : undefined
  let missing: string | undefined
  let looks = 0
  for (const pid of processes) {
    const open = await entries(`${pid}/fd`)
    if (open === undefined) unseen = 'files without a name'
    const maps = (await readProcFileSlowly(`${pid}/maps`)).split('\n')
    looks += maps.length / linesInLook
    const mapped = deletedMaps(maps)
    for (const path of [
      ...(open ?? []).map(fd => `/proc/${pid}/fd/${fd}`),
      ...mapped.map(range => `/proc/${pid}/map_files/${range}`),
    ]) {
      if (++looks > limits.files)
        return { bytes: sum(found), missing: `it holds more than ${limits.files} files open` }
      try {
        const file = await stat(path)
        if (file.isSocket() && (await isSending(path))) missing = 'it has files in the queues of sockets'
        if (file.nlink === 0 && file.isFile() && !(await isMemory(path)))
          found.set(`${file.dev} ${file.ino}`, file.blocks * 512)
      } catch (error) {
        // Any other error means that the file was closed meanwhile.
        if (errorCode(error) === 'EPERM' || errorCode(error) === 'EACCES')
          unseen ??= 'files that are mapped, and neither named nor open,'
      }
    }
  }
  return {
    bytes: sum(found),
    ...defined({ missing, unseen }),
  }
}

/** Adds up several measurements. */
export function together(...parts: readonly DiskUse[]): DiskUse {
  const missing = parts.find(part => part.missing !== undefined)?.missing
  const unseen = parts.find(part => part.unseen !== undefined)?.unseen
  return {
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    ...defined({ missing, unseen }),
  }
}

const sum = (found: ReadonlyMap<string, number>) => [...found.values()].reduce((all, bytes) => all + bytes, 0)

/** The names in a directory of a process below /proc; undefined if this process may not see them. */
async function entries(path: string): Promise<string[] | undefined> {
  try {
    return await listProcSlowly(path)
  } catch (error) {
    // The process has ended.
    return ['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '') ? [] : undefined
  }
}

/** The memory ranges of mapped files without a name, written as the names in map_files. */
function deletedMaps(maps: readonly string[]): string[] {
  const lines = maps.filter(line => line.endsWith(' (deleted)'))
  return lines.map(line => line.slice(0, line.indexOf(' ')).replace(/^0+(?=.)|(?<=-)0+(?=.)/g, ''))
}

/** Whether files wait in the queue of a socket `/proc/PID/fd/N`. */
async function isSending(path: string): Promise<boolean> {
  return /^scm_fds:\s*[1-9]/m.test(await readFile(path.replace('/fd/', '/fdinfo/'), 'utf8'))
}

/** The types of tmpfs, ramfs and hugetlbfs, whose files count as memory. */
const inMemory = [0x01021994, 0x858458f6, 0x958458f6]

async function isMemory(path: string): Promise<boolean> {
  return inMemory.includes((await statfs(path)).type)
}
