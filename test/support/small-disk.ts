/* A disk with little room, which only programs of its own mount namespace see. */
import { once } from 'node:events'
import { rmSync, statfsSync } from 'node:fs'
import { execa } from 'execa'
import { command } from './command.ts'

const mounting = 'mount -t tmpfs -o mode=755,size="$2" none "$1" && echo && exec cat >/dev/null'

/** A tmpfs over a directory. It ends with this process, or when it is disposed of. */
export class SmallDisk implements AsyncDisposable {
  readonly #path: string
  /** The program that keeps the namespace. */
  readonly #holder

  private constructor(path: string, size: string) {
    this.#path = path
    this.#holder = execa('unshare', ['-m', 'sh', '-c', mounting, 'sh', path, size], { reject: false })
  }

  /** `size`: as mount(8) takes it, such as `64m`. */
  static async over(path: string, size: string): Promise<SmallDisk> {
    const disk = new SmallDisk(path, size)
    await Promise.race([once(disk.#holder.stdout, 'data'), disk.#ended()])
    return disk
  }

  async #ended(): Promise<never> {
    const { stderr } = await this.#holder
    throw new Error(`no disk at ${this.#path}: ${stderr}`)
  }

  /** The words before a command that is to see the disk. */
  get before(): string[] {
    return ['nsenter', `--mount=/proc/${this.#holder.pid}/ns/mnt`, '--']
  }

  /** The path by which this process finds a file that programs of the namespace call `path`. */
  seen(path: string): string {
    return `/proc/${this.#holder.pid}/root${path}`
  }

  get #ballast(): string {
    return this.seen(`${this.#path}/ballast`)
  }

  /** Leaves this many bytes free. */
  async fill(left: number): Promise<void> {
    const { bavail, bsize } = statfsSync(this.seen(this.#path))
    await command('fallocate', ['-l', String(bavail * bsize - left), this.#ballast])
  }

  /** Undoes `fill`. */
  makeRoom(): void {
    rmSync(this.#ballast)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#holder.stdin.end()
    await this.#holder
  }
}
