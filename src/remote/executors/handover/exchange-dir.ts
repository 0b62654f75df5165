/*
 * The exchange directory, which one job shares with runner. The job can put anything into it, so runner
 * trusts nothing there: it opens the directory once and keeps the descriptor, opens files below that
 * descriptor, follows no symbolic links, and reads only regular files, up to a size.
 */
import { chmodSync, closeSync, constants, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode, errorText, fail, ok, type Result } from '../../../result.ts'
import { pathPart } from '../../path-part.ts'

export type FileFailure =
  | { reason: 'missing' }
  /** A symbolic link, a directory or a pipe, for example. */
  | { reason: 'not-a-file' }
  | { reason: 'too-large'; size: number }
  | { reason: 'unreadable'; message: string }

/** Identifies a directory even after it was renamed. */
export interface DirectoryIdentity {
  device: number
  inode: number
}

const {
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  O_CREAT,
  O_EXCL,
  O_CLOEXEC = 0,
} = constants as typeof constants & { O_CLOEXEC?: number }

export interface Content {
  bytes: Buffer
  /** When the file was last written. */
  modified: Date
}

export class ExchangeDir implements Disposable {
  readonly #fd: number
  #open = true

  private constructor(fd: number) {
    this.#fd = fd
  }

  /**
   * Makes an exchange directory, named by an id, to which any user of a container can write. Throws system
   * errors.
   */
  static make(jobs: string, name: string): ExchangeDir {
    const path = join(jobs, pathPart(name))
    mkdirSync(path)
    const directory = new ExchangeDir(openDirectory(path))
    chmodSync(directory.path, 0o777)
    return directory
  }

  /** Opens an existing exchange directory; fails if the path is not a directory, or a different one. */
  static open(path: string, identity?: DirectoryIdentity): Result<ExchangeDir, FileFailure> {
    try {
      const directory = new ExchangeDir(openDirectory(path))
      const { device, inode } = directory.identity
      if (identity === undefined || (device === identity.device && inode === identity.inode))
        return ok(directory)
      directory[Symbol.dispose]()
      return fail({ reason: 'missing' })
    } catch (error) {
      return fail(failureOf(error))
    }
  }

  get identity(): DirectoryIdentity {
    const { dev, ino } = fstatSync(this.#fd)
    return { device: dev, inode: ino }
  }

  /** A path that leads to this very directory. It is valid in this process, while the directory is open. */
  get path(): string {
    return `/proc/self/fd/${this.#fd}`
  }

  /** Makes a file. Throws system errors, also if the file exists. */
  write(name: string, content: string | Uint8Array, mode: number): void {
    const path = join(this.path, name)
    const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
    try {
      const bytes = Buffer.from(content as Uint8Array)
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
      chmodSync(`/proc/self/fd/${fd}`, mode)
    } finally {
      closeSync(fd)
    }
  }

  /** Opens a regular file for reading; the caller closes it. */
  openFile(name: string): Result<number, FileFailure> {
    let fd: number
    try {
      fd = openSync(join(this.path, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    } catch (error) {
      return fail(failureOf(error))
    }
    if (fstatSync(fd).isFile()) return ok(fd)
    closeSync(fd)
    return fail({ reason: 'not-a-file' })
  }

  /** Reads a regular file of at most `limit` bytes, and when it was last written. */
  read(name: string, limit: number): Result<Content, FileFailure> {
    return this.#read(name, limit, false)
  }

  /** Reads the first `length` bytes of a regular file of any size. */
  readHead(name: string, length: number): Result<Content, FileFailure> {
    return this.#read(name, length, true)
  }

  #read(name: string, limit: number, head: boolean): Result<Content, FileFailure> {
    const opened = this.openFile(name)
    if (!opened.ok) return opened
    const fd = opened.value
    try {
      const { size, mtime } = fstatSync(fd)
      if (size > limit && !head) return fail({ reason: 'too-large', size })
      // One byte more than the size: a file that grows while it is read counts as too large.
      const bytes = Buffer.allocUnsafe(Math.min(size, limit) + 1)
      let length = 0
      for (let count = -1; count !== 0 && length < bytes.length; length += count)
        count = readSync(fd, bytes, length, bytes.length - length, length)
      if (length > limit && !head) return fail({ reason: 'too-large', size: length })
      return ok({ bytes: bytes.subarray(0, Math.min(length, limit)), modified: mtime })
    } catch (error) {
      return fail(failureOf(error))
    } finally {
      closeSync(fd)
    }
  }

  [Symbol.dispose](): void {
    if (this.#open) closeSync(this.#fd)
    this.#open = false
  }
}

function openDirectory(path: string): number {
  return openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
}

function failureOf(error: unknown): FileFailure {
  const code = errorCode(error)
  if (code === 'ENOENT') return { reason: 'missing' }
  if (code === 'ELOOP' || code === 'ENOTDIR' || code === 'ENXIO' || code === 'EISDIR')
    return { reason: 'not-a-file' }
  return { reason: 'unreadable', message: errorText(error) }
}

/** Describes what is wrong with a file of an exchange directory. */
export function fileFailureText(failure: FileFailure, name: string, limit: number): string {
  switch (failure.reason) {
    case 'missing':
      return `there is no ${name}`
    case 'not-a-file':
      return `${name} is not a regular file`
    case 'too-large':
      return `${name} has ${failure.size} bytes, and ${limit} are allowed`
    case 'unreadable':
      return `${name} cannot be read: ${failure.message}`
  }
}
