/*
 * Which machine this is, by what a copy of its disk or of its files does not have. What only root may read of it is kept
 * as a hash.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Hashes of what identifies hardware, the surest first. */
const kinds = ['board_uuid', 'board_serial', 'disk_wwid', 'disk_serial', 'file_system'] as const

export interface Machine {
  /** Of machine-id(5). */
  machine_id?: string
  hardware?: Partial<Record<(typeof kinds)[number], string>>
}

/** What vendors write where they have nothing to say. */
const meaningless =
  /^$|^(0+|f+|x+|1+)$|^none$|not (settable|specified|available|applicable|present)|to be filled|default string|system serial|123456|^03000200040005000006000700080009$/

/** What is known of this machine; `stateDir` is there. `root` is where its files are. */
export function readMachine(stateDir: string, env: NodeJS.ProcessEnv = process.env, root = '/'): Machine {
  const inRoot = (path: string) => join(root, path)
  const hardware: NonNullable<Machine['hardware']> = {}
  const put = (kind: (typeof kinds)[number], ...paths: string[]) => {
    const value = paths.map(read).find(text => text !== undefined)
    if (value !== undefined) hardware[kind] = value
  }
  // In a container the board is that of a host, which may be another one tomorrow.
  if (!isContainer(env, inRoot)) {
    put('board_uuid', inRoot('sys/class/dmi/id/product_uuid'))
    const ids = ['product_serial', 'board_serial', 'chassis_serial']
    const serials = ids.map(name => inRoot(`sys/class/dmi/id/${name}`))
    put('board_serial', ...serials, inRoot('proc/device-tree/serial-number'))
  }
  const disk = diskOf(stateDir, inRoot)
  if (disk !== undefined) {
    // Of a partition the disk is the directory above.
    const places = [disk, dirname(disk)].flatMap(path => [path, join(path, 'device')])
    put('disk_wwid', ...places.map(path => join(path, 'wwid')))
    put('disk_serial', ...places.map(path => join(path, 'serial')))
    const uuid = fileSystemOn(basename(disk), inRoot('dev/disk/by-uuid'))
    if (uuid !== undefined) hardware.file_system = hash(uuid)
  }
  const machineId = machineIdIn(inRoot)
  return {
    ...(machineId === undefined ? {} : { machine_id: machineId }),
    ...(Object.keys(hardware).length === 0 ? {} : { hardware }),
  }
}

/** By what two machines differ, if the first thing that is known of both is not the same. */
export function differenceOf(one: Machine, other: Machine): keyof Machine | undefined {
  if (one.machine_id !== undefined && other.machine_id !== undefined)
    return one.machine_id === other.machine_id ? undefined : 'machine_id'
  const kind = kinds.find(name => one.hardware?.[name] !== undefined && other.hardware?.[name] !== undefined)
  if (kind === undefined) return undefined
  return one.hardware?.[kind] === other.hardware?.[kind] ? undefined : 'hardware'
}

/** What a machine of which nothing is known lacks. */
export const noIdentity =
  'this machine has neither a machine id nor a board or disk with an identity, so a copy of it would not be known as one, and both would fight for the same jobs: make a machine id by systemd-machine-id-setup, or dbus-uuidgen --ensure=/etc/machine-id'

/** Whether a copy of it would be known as one: that of a whole disk has the UUID of its file system, too. */
export const isKnown = ({ machine_id, hardware = {} }: Machine): boolean =>
  machine_id !== undefined || kinds.some(kind => kind !== 'file_system' && hardware[kind] !== undefined)

function machineIdIn(inRoot: (path: string) => string): string | undefined {
  for (const file of ['etc/machine-id', 'var/lib/dbus/machine-id']) {
    try {
      const id = readFileSync(inRoot(file), 'utf8').trim()
      if (/^[0-9a-f]{32}$/.test(id)) return id
    } catch {
      // The other one.
    }
  }
  return undefined
}

function isContainer(env: NodeJS.ProcessEnv, inRoot: (path: string) => string): boolean {
  const marks = ['.dockerenv', 'run/.containerenv', 'run/systemd/container']
  return !!env.container || !!env.KUBERNETES_SERVICE_HOST || marks.some(mark => existsSync(inRoot(mark)))
}

/** What sysfs has of the disk, or the partition, of a directory. */
function diskOf(path: string, inRoot: (path: string) => string): string | undefined {
  try {
    const { dev } = statSync(path)
    const [major, minor] = [Math.floor(dev / 256) % 4096, (dev % 256) + Math.floor(dev / 2 ** 20) * 256]
    return realpathSync(inRoot(`sys/dev/block/${major}:${minor}`))
  } catch {
    return undefined
  }
}

/** The UUID of the file system on a device, as udev has found it. */
function fileSystemOn(device: string, folder: string): string | undefined {
  try {
    return readdirSync(folder).find(uuid => basename(realpathSync(join(folder, uuid))) === device)
  } catch {
    return undefined
  }
}

function read(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').replaceAll('\0', '').trim().toLowerCase()
    return meaningless.test(text.replaceAll('-', '')) || meaningless.test(text) ? undefined : hash(text)
  } catch {
    return undefined
  }
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 32)
