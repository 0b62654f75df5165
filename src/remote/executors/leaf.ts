/*
 * The leaf: the directory that one execution shares with its container. What is in it is whatever a job made of it, so
 * nothing is taken for what it seems to be: the directory is opened once and then known by its descriptor, its files
 * are opened below that, links are not followed, and only regular files up to a size are read.
 */
import { chmodSync, closeSync, constants, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode, errorText, fail, ok, type Result } from '../../result.ts'
import { pathPart } from '../path-part.ts'

export type LeafFailure =
  | { reason: 'missing' }
  /** It is a link, a directory, a pipe. */
  | { reason: 'not-a-file' }
  | { reason: 'too-large'; size: number }
  | { reason: 'unreadable'; message: string }

/** Which directory it is, whatever it is called now. */
export interface LeafIdentity {
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
  /** When it was last written. */
  modified: Date
}

export class Leaf implements Disposable {
  readonly #fd: number
  #open = true

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** Makes a new one, named by an id, that any user of a container can write to. Throws system errors. */
  static make(jobs: string, name: string): Leaf {
    const path = join(jobs, pathPart(name))
    mkdirSync(path)
    const leaf = new Leaf(openDirectory(path))
    chmodSync(leaf.path, 0o777)
    return leaf
  }

  /** Opens one that is there; fails where it is not a directory, or not the one that it was. */
  static open(path: string, identity?: LeafIdentity): Result<Leaf, LeafFailure> {
    try {
      const leaf = new Leaf(openDirectory(path))
      const { device, inode } = leaf.identity
      if (identity === undefined || (device === identity.device && inode === identity.inode)) return ok(leaf)
      leaf[Symbol.dispose]()
      return fail({ reason: 'missing' })
    } catch (error) {
      return fail(failureOf(error))
    }
  }

  get identity(): LeafIdentity {
    const { dev, ino } = fstatSync(this.#fd)
    return { device: dev, inode: ino }
  }

  /** A path that leads to this very directory, as long as it is open, in this process. */
  get path(): string {
    return `/proc/self/fd/${this.#fd}`
  }

  /** Makes a file. Throws system errors; one that is there is one of them. */
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
  openFile(name: string): Result<number, LeafFailure> {
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

  /** The bytes of a regular file of at most `limit` bytes, and when it was last written. */
  read(name: string, limit: number): Result<Content, LeafFailure> {
    return this.#read(name, limit, false)
  }

  /** The same, of the first `length` bytes of any regular file. */
  readHead(name: string, length: number): Result<Content, LeafFailure> {
    return this.#read(name, length, true)
  }

  #read(name: string, limit: number, head: boolean): Result<Content, LeafFailure> {
    const opened = this.openFile(name)
    if (!opened.ok) return opened
    const fd = opened.value
    try {
      const { size, mtime } = fstatSync(fd)
      if (size > limit && !head) return fail({ reason: 'too-large', size })
      // One byte more than it had: what grows while it is read is too large, not read for ever.
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

function failureOf(error: unknown): LeafFailure {
  const code = errorCode(error)
  if (code === 'ENOENT') return { reason: 'missing' }
  if (code === 'ELOOP' || code === 'ENOTDIR' || code === 'ENXIO' || code === 'EISDIR')
    return { reason: 'not-a-file' }
  return { reason: 'unreadable', message: errorText(error) }
}

/** What is wrong with a file of a leaf, in words. */
export function leafFailureText(failure: LeafFailure, name: string, limit: number): string {
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
