import {
  type BigIntStats,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { ifThere } from '../system/if-there.ts'
import { encodeBytes } from './ini/bytes.ts'
import {
  guards,
  hasPlainName,
  otherSectionsScript,
  sectionScript,
  type Watched,
} from './ini/section-script.ts'
import { includeFolderOf, readSources, type Sources } from './sources.ts'

/*
 * The compiled form of a configuration, from which `lookup.sh` answers: for each section a small shell
 * script.
 *
 *   BASE/runner-look-up/newer, older         half a second apart: a shell that sees none reads the files
 *   BASE/runner-look-up/1/FILE/s-SECTION     the script of a section
 *   BASE/runner-look-up/1/FILE/none          the script for all other sections, which is written last
 *   BASE/runner-look-up/1/FILE/TIME.before   a stamp: an empty file with a modification time just before TIME
 *   BASE/runner-look-up/1/FILE/TIME.after
 *
 * Each script names the files from which it was made and their times, so an old script is as harmless as
 * none, whatever a kill leaves behind (docs/decisions/2026-12-01-look-ups-are-compiled.md).
 */

/** The name below the base, as `lookup.sh` has it. */
const name = 'runner-look-up'
/** A configuration is compiled that nobody has written for so long: a later write gets another time. */
const quietNs = 2_000_000_000n
const secondNs = 1_000_000_000n
/**
 * The half of the distance between two stamps. Node sets times as numbers of seconds, not to the nanosecond.
 */
const aroundNs = 1000n
const tmpfs = 0x01021994
/** NFS, SMB, FUSE, 9p, Ceph, AFS: the times that they show may be some seconds old. */
const remoteTypes = [0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997, 0x00c36400, 0x5346414f]

/**
 * The directory for compiled forms: `system` for its owner, who is root, else `$XDG_RUNTIME_DIR`. Undefined
 * where others can write to it, and where it is on a disk: on a disk a crash may leave half a script.
 */
export function lookUpBase(env: NodeJS.ProcessEnv, system = '/run'): string | undefined {
  const statusOf = (path: string) => {
    try {
      return statSync(path)
    } catch {
      return undefined
    }
  }
  const user = process.geteuid?.()
  const base = statusOf(system)?.uid === user ? system : env.XDG_RUNTIME_DIR
  const status = base?.startsWith('/') ? statusOf(base) : undefined
  if (base === undefined || status === undefined || status.uid !== user || (status.mode & 0o1022) !== 0)
    return undefined
  return statfsSync(base).type === tmpfs ? base : undefined
}

/**
 * Keeps the compiled form of one configuration true. Where that fails, look-ups read the files, as without
 * it.
 */
export class CompiledLookUps {
  readonly #file: string
  readonly #base: string
  /** The file, then its include_dir and the files in there, if it has one; empty until it was read. */
  #paths: string[] = []
  /** The times of the last form that was found or made whole. */
  #done = ''

  /** `base`: that of `lookUpBase`. `file`: as it was named; its compiled form goes by its absolute path. */
  constructor(base: string, file: string, cwd: string) {
    this.#base = join(base, name)
    this.#file = file.startsWith('/') ? file : `${cwd}/${file.replace(/^\.\//, '')}`
  }

  /**
   * Compiles the configuration if it has changed, and if none of its files was written in the last two
   * seconds of the wall clock. Where nothing has changed that costs a status of each file. Never throws.
   */
  refresh(now: Date): void {
    try {
      if (this.#paths.length === 0) this.#read()
      const before = statusesOf(this.#paths)
      const times = before.map(identityOf).join()
      const latest = BigInt(now.getTime()) * 1_000_000n - quietNs
      if (times === this.#done || !before.every(status => isTelling(status, latest))) return
      const folder = join(this.#base, '1') + this.#file
      const watched = this.#paths.map((path, at) => watchedAt(folder, path, before[at]!))
      const sources = isWhole(folder, watched) ? undefined : this.#read()
      if (statusesOf(this.#paths).map(identityOf).join() !== times) return
      this.#done = times
      if (sources !== undefined) this.#write(folder, sources, watched)
    } catch {
      // No room, no right to write, a file that goes while it is read.
    }
  }

  /** Undefined where a look-up would not be sure of its answer, or a change would not show in a time. */
  #read(): Sources | undefined {
    const read = /\/\.\.\//.test(this.#file) ? undefined : readSources(this.#file)
    if (!read?.ok || read.value.unread.length > 0) return undefined
    const folder = includeFolderOf(read.value.parsed[0]!)
    this.#paths = read.value.files.toSpliced(1, 0, ...(folder === undefined ? [] : [folder]))
    const isLocal = this.#paths.every(path => !remoteTypes.includes(statfsSync(encodeBytes(path)).type))
    return isLocal && (folder === undefined || linksLeadToFiles(folder)) ? read.value : undefined
  }

  #write(folder: string, sources: Sources, watched: readonly Watched[]): void {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const { uid, mode } = lstatSync(this.#base)
    if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) return
    removeOld(folder, watched)
    const stage = join(folder, `new-${process.pid}`)
    mkdirSync(stage, { mode: 0o700 })
    // A shell may look at any moment, so each file appears whole, and with its time.
    const install = (path: string, text: string, time?: bigint) => {
      const fresh = join(stage, 'file')
      writeFileSync(fresh, encodeBytes(text))
      if (time !== undefined) setTime(fresh, time)
      renameSync(fresh, path)
    }
    try {
      install(join(this.#base, 'older'), '', secondNs)
      install(join(this.#base, 'newer'), '', secondNs + secondNs / 2n)
      for (const { time, stamps } of watched) {
        install(stamps[0], '', time - aroundNs)
        install(stamps[1], '', time + aroundNs)
      }
      const sections = sources.sections().filter(hasPlainName)
      // Scripts of sections that have gone are written too, not removed: a shell may be about to read one.
      const written = readdirSync(folder).flatMap(entry => (entry.startsWith('s-') ? entry.slice(2) : []))
      for (const section of new Set([...written, ...sections]))
        install(join(folder, `s-${section}`), sectionScript(sources.section(section) ?? new Map(), watched))
      install(join(folder, 'none'), otherSectionsScript(sections, watched))
    } finally {
      rmSync(stage, { recursive: true, force: true })
    }
  }
}

const statusesOf = (paths: readonly string[]) =>
  paths.map(path => statSync(encodeBytes(path), { bigint: true }))

const identityOf = ({ dev, ino, mtimeNs }: BigIntStats) => `${dev}:${ino}:${mtimeNs}`

/**
 * Whether a change would show in the time of a file: it is older than the latest one allowed, and it has
 * parts of a second. Times without are set by programs, by package managers and builders of images for
 * example, and the next version may have the same.
 */
const isTelling = (status: BigIntStats, latest: bigint): boolean =>
  (status.isFile() || status.isDirectory()) && status.mtimeNs <= latest && status.mtimeNs % secondNs !== 0n

function watchedAt(folder: string, path: string, status: BigIntStats): Watched {
  const stamp = join(folder, String(status.mtimeNs))
  return {
    path,
    isDirectory: status.isDirectory(),
    stamps: [`${stamp}.before`, `${stamp}.after`],
    time: status.mtimeNs,
  }
}

/** Whether the form is there, with its stamps. */
function isWhole(folder: string, watched: readonly Watched[]): boolean {
  const none = ifThere(() => readFileSync(join(folder, 'none')))
  if (none?.indexOf(encodeBytes(guards(watched))) !== 0) return false
  return watched.flatMap(({ stamps }) => stamps).every(path => existsSync(path))
}

/**
 * Whether each link in a directory leads to a file: where it leads elsewhere, or nowhere, a file may come to
 * its end, and no time that is looked at changes.
 */
function linksLeadToFiles(folder: string): boolean {
  const links = readdirSync(encodeBytes(folder), { withFileTypes: true, encoding: 'buffer' }).filter(entry =>
    entry.isSymbolicLink(),
  )
  const slash = Buffer.from('/')
  return links.every(({ name }) => statSync(Buffer.concat([encodeBytes(folder), slash, name])).isFile())
}

/** Removes the stamps of other times, and what killed processes have left. */
function removeOld(folder: string, watched: readonly Watched[]): void {
  const kept = new Set(watched.flatMap(({ stamps }) => stamps))
  for (const entry of readdirSync(folder)) {
    const path = join(folder, entry)
    const isOldStamp = /^-?\d+\.(before|after)$/.test(entry) && !kept.has(path)
    const writer = /^new-(\d+)$/.exec(entry)?.[1]
    const isLeft = writer !== undefined && (Number(writer) === process.pid || !existsSync(`/proc/${writer}`))
    if (isOldStamp || isLeft) rmSync(path, { recursive: true, force: true })
  }
}

/** Sets a modification time to less than a microsecond. Throws where the file system keeps no such times. */
function setTime(path: string, time: bigint): void {
  utimesSync(path, Number(time) / 1e9, Number(time) / 1e9)
  const off = statSync(path, { bigint: true }).mtimeNs - time
  if (off <= -aroundNs || off >= aroundNs) throw new Error('the file system keeps no exact times')
}
