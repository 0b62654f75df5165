/*
 * Identifies this machine by values that a copy of its disk or of its files does not have. They are kept as
 * hashes, since only root may read some of them.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { defined } from '../../result.ts'

/** The kinds of hardware identifiers, the most reliable first. */
const kinds = ['board_uuid', 'board_serial', 'disk_wwid', 'disk_serial', 'file_system'] as const

export interface Machine {
  /** See machine-id(5). */
  machine_id?: string
  hardware?: Partial<Record<(typeof kinds)[number], string>>
}

/** Placeholders that vendors write instead of a serial number. */
const meaningless = new RegExp(
  '^$|^(0+|f+|x+|1+)$|^none$|not (settable|specified|available|applicable|present)|to be filled|' +
    'default string|system serial|123456|^03000200040005000006000700080009$',
)

/** Reads the identifiers of this machine. `stateDir` must exist; `root` is where the machine's files are. */
export function readMachine(stateDir: string, env: NodeJS.ProcessEnv = process.env, root = '/'): Machine {
  const inRoot = (path: string) => join(root, path)
  const hardware: NonNullable<Machine['hardware']> = {}
  const put = (kind: (typeof kinds)[number], ...paths: string[]) => {
    const value = paths.map(read).find(text => text !== undefined)
    if (value !== undefined) hardware[kind] = value
  }
  // A container sees the board of its host, and tomorrow it may run on another host.
  if (!isContainer(env, inRoot)) {
    put('board_uuid', inRoot('sys/class/dmi/id/product_uuid'))
    const ids = ['product_serial', 'board_serial', 'chassis_serial']
    const serials = ids.map(name => inRoot(`sys/class/dmi/id/${name}`))
    put('board_serial', ...serials, inRoot('proc/device-tree/serial-number'))
  }
  const disk = diskOf(stateDir, inRoot)
  if (disk !== undefined) {
    // The disk of a partition is the directory above it.
    const places = [disk, dirname(disk)].flatMap(path => [path, join(path, 'device')])
    put('disk_wwid', ...places.map(path => join(path, 'wwid')))
    put('disk_serial', ...places.map(path => join(path, 'serial')))
    const uuid = fileSystemOn(basename(disk), inRoot('dev/disk/by-uuid'))
    if (uuid !== undefined) hardware.file_system = hash(uuid)
  }
  const machineId = machineIdIn(inRoot)
  return {
    ...defined({
      machine_id: machineId,
      hardware: Object.keys(hardware).length === 0 ? undefined : hardware,
    }),
  }
}

/** Compares the first identifier that is known of both; names it if it differs, else undefined. */
export function differenceOf(one: Machine, other: Machine): keyof Machine | undefined {
  if (one.machine_id !== undefined && other.machine_id !== undefined)
    return one.machine_id === other.machine_id ? undefined : 'machine_id'
  const kind = kinds.find(name => one.hardware?.[name] !== undefined && other.hardware?.[name] !== undefined)
  if (kind === undefined) return undefined
  return one.hardware?.[kind] === other.hardware?.[kind] ? undefined : 'hardware'
}

/** The warning about a machine without any identifier. */
export const noIdentity =
  'this machine has neither a machine id nor a board or disk with a serial number, ' +
  'so a copy of it could not be told from it, and both would take the same jobs: ' +
  'make a machine id by systemd-machine-id-setup, or dbus-uuidgen --ensure=/etc/machine-id'

/**
 * Whether a copy of the machine could be told from it. A copy of a whole disk has the UUID of its file system
 * too.
 */
export const isKnown = ({ machine_id, hardware = {} }: Machine): boolean =>
  machine_id !== undefined || kinds.some(kind => kind !== 'file_system' && hardware[kind] !== undefined)

function machineIdIn(inRoot: (path: string) => string): string | undefined {
  for (const file of ['etc/machine-id', 'var/lib/dbus/machine-id']) {
    try {
      const id = readFileSync(inRoot(file), 'utf8').trim()
      if (/^[0-9a-f]{32}$/.test(id)) return id
    } catch {
      // The other file may be readable.
    }
  }
  return undefined
}

function isContainer(env: NodeJS.ProcessEnv, inRoot: (path: string) => string): boolean {
  const marks = ['.dockerenv', 'run/.containerenv', 'run/systemd/container']
  return !!env.container || !!env.KUBERNETES_SERVICE_HOST || marks.some(mark => existsSync(inRoot(mark)))
}

/** The directory of sysfs for the disk or partition on which a path lies. */
function diskOf(path: string, inRoot: (path: string) => string): string | undefined {
  try {
    const { dev } = statSync(path)
    const [major, minor] = [Math.floor(dev / 256) % 4096, (dev % 256) + Math.floor(dev / 2 ** 20) * 256]
    return realpathSync(inRoot(`sys/dev/block/${major}:${minor}`))
  } catch {
    return undefined
  }
}

/** The UUID of the file system on a device, as udev knows it. */
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
