import { closeSync, openSync, readSync } from 'node:fs'

/** Time, as the rest of the program sees it. */
export interface Clock {
  /** The wall clock. */
  now(): Date
  /** Seconds that only ever grow, whatever happens to the wall clock. */
  monotonic(): number
  /** Waits; ends early, without an error, when `signal` aborts. Any length is fine, Infinity too. */
  sleep(seconds: number, signal?: AbortSignal): Promise<void>
}

/** Chance, as the rest of the program sees it. */
export interface Chance {
  /** Uniform in [0, 1). */
  random(): number
  /** 128 random bits in hexadecimal. */
  id(): string
}

/** The clock and the source of chance; made once, at the start of the program, and passed down. */
export interface Edges {
  clock: Clock
  chance: Chance
}

/** The longest wait that a timer of Node takes. */
const longestTimer = 2_147_483

export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now() / 1000,
  sleep: (seconds, signal) =>
    new Promise(resolve => {
      if (signal?.aborted) return resolve()
      const end = performance.now() + seconds * 1000
      let timer: NodeJS.Timeout
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const wait = () => {
        const left = (end - performance.now()) / 1000
        if (left <= 0) return done()
        timer = setTimeout(wait, Math.ceil(Math.min(left, longestTimer) * 1000))
      }
      signal?.addEventListener('abort', done, { once: true })
      wait()
    }),
}

export const systemChance: Chance = { random: Math.random, id: randomIds() }

/** Gives random ids: a file is opened for many of them. */
function randomIds(): () => string {
  /** Random bytes that no id has had yet. */
  let unused: Buffer = Buffer.alloc(0)
  return () => {
    if (unused.length === 0) unused = urandom(512)
    const id = unused.toString('hex', 0, 16)
    unused = unused.subarray(16)
    return id
  }
}

/**
 * Random bytes from the kernel: loading node:crypto for them would cost a start 5 ms (docs/benchmarks.md).
 */
function urandom(size: number): Buffer {
  let fd: number
  try {
    fd = openSync('/dev/urandom', 'r')
  } catch {
    // No descriptors left, perhaps.
    return process.getBuiltinModule('node:crypto').randomBytes(size)
  }
  try {
    const bytes = Buffer.alloc(size)
    readSync(fd, bytes)
    return bytes
  } finally {
    closeSync(fd)
  }
}
