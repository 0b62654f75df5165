/*
 * What a container has on disk: files by their names, by du(1), and those without a name that something in it holds open
 * or mapped, by what /proc of this host says. The latter needs root on the engine's host: CAP_SYS_PTRACE for what is open,
 * CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN for what is only mapped. Of a file that was sent over a socket and not received
 * yet, it is seen that there is one, and not how large it is.
 */
import { execFile } from 'node:child_process'
import { readdir, readFile, stat, statfs } from 'node:fs/promises'
import { promisify } from 'node:util'
import { errorCode } from '../../result.ts'

export type Unseen =
  | 'files of volumes, and files without a name,'
  | 'files without a name'
  | 'files that are mapped, and neither named nor open,'

export interface DiskUse {
  /** At least so many where something is missing. */
  bytes: number
  /** What of it could not be measured now, though it can be here. */
  missing?: string
  /** What is never seen here. */
  unseen?: Unseen
}

/** Seconds for a walk over files, and how many open and mapped files are looked at. */
const limits = { walk: 60, files: 200_000 }
/** Lines of /proc/PID/maps that take as long as a look at a file. */
const linesInLook = 16

/** Bytes on disk of what is in some directories or files; one that is not there has none. */
export async function namedUse(busybox: string, paths: readonly string[]): Promise<DiskUse> {
  if (paths.length === 0) return { bytes: 0 }
  // Its status is 1 where a file has gone meanwhile.
  const { stdout, stderr, whole } = await du(busybox, paths)
  const kibibytes = stdout.split('\n').map(line => Number.parseInt(line, 10) || 0)
  const bytes = kibibytes.reduce((sum, size) => sum + size * 1024, 0)
  if (!whole) return { bytes, missing: `its files were not counted within ${limits.walk} s` }
  return /permission denied/i.test(stderr)
    ? { bytes, missing: 'it has directories that runner may not look into' }
    : { bytes }
}

async function du(busybox: string, paths: readonly string[]) {
  // Its arguments are no links: they are made by runner, or by the engine.
  const options = { timeout: limits.walk * 1000, killSignal: 'SIGKILL', maxBuffer: 2 ** 24 } as const
  try {
    return { ...(await promisify(execFile)(busybox, ['du', '-sxk', ...paths], options)), whole: true }
  } catch (error) {
    const { stdout = '', stderr = '', code } = error as { stdout?: string; stderr?: string; code?: unknown }
    return { stdout, stderr, whole: code === 1 }
  }
}

/** Ids of the processes of a container, on this host; none where it has another /proc than the engine. */
export async function processesOf(containerId: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await readdir('/proc'))
    if (/^\d+$/.test(name) && (await read(name, 'cgroup')).includes(containerId)) found.push(name)
  return found
}

/**
 * Bytes on disk of files that have no name any more, and that processes hold open or mapped. This may never come to an end:
 * the kernel lets a reader of /proc wait for a process that holds the lock of its own memory.
 */
export async function namelessUse(processes: readonly string[]): Promise<DiskUse> {
  const found = new Map<string, number>()
  let unseen: Unseen | undefined = processes.length === 0 ? 'files without a name' : undefined
  let missing: string | undefined
  let looks = 0
  for (const pid of processes) {
    const open = await entries(`/proc/${pid}/fd`)
    if (open === undefined) unseen = 'files without a name'
    const maps = (await read(pid, 'maps')).split('\n')
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
        // Else it has been closed meanwhile.
        if (errorCode(error) === 'EPERM' || errorCode(error) === 'EACCES')
          unseen ??= 'files that are mapped, and neither named nor open,'
      }
    }
  }
  return {
    bytes: sum(found),
    ...(missing === undefined ? {} : { missing }),
    ...(unseen === undefined ? {} : { unseen }),
  }
}

/** All that is known of several parts. */
export function together(...parts: readonly DiskUse[]): DiskUse {
  const missing = parts.find(part => part.missing !== undefined)?.missing
  const unseen = parts.find(part => part.unseen !== undefined)?.unseen
  return {
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    ...(missing === undefined ? {} : { missing }),
    ...(unseen === undefined ? {} : { unseen }),
  }
}

const sum = (found: ReadonlyMap<string, number>) => [...found.values()].reduce((all, bytes) => all + bytes, 0)

/** What is in a directory of a process; undefined where that is not to be seen. */
async function entries(path: string): Promise<string[] | undefined> {
  try {
    return await readdir(path)
  } catch (error) {
    // It has ended.
    return ['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '') ? [] : undefined
  }
}

async function read(pid: string, name: string): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return ''
  }
}

/** The ranges of a process's memory with files that have no name, as map_files has them. */
function deletedMaps(maps: readonly string[]): string[] {
  const lines = maps.filter(line => line.endsWith(' (deleted)'))
  return lines.map(line => line.slice(0, line.indexOf(' ')).replace(/^0+(?=.)|(?<=-)0+(?=.)/g, ''))
}

/** Whether a socket, `/proc/PID/fd/N`, has files in its queue. */
async function isSending(path: string): Promise<boolean> {
  return /^scm_fds:\s*[1-9]/m.test(await readFile(path.replace('/fd/', '/fdinfo/'), 'utf8'))
}

/** tmpfs, ramfs, hugetlbfs: their files count as memory. */
const inMemory = [0x01021994, 0x858458f6, 0x958458f6]

async function isMemory(path: string): Promise<boolean> {
  return inMemory.includes((await statfs(path)).type)
}
