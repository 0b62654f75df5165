import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'

/**
 * Makes a FIFO by mkfifo(1), without execa: the rig needs this file, and most tests on it start nothing else by execa,
 * which takes a tenth of a second of processor time to load in each test file.
 */
export function makeFifo(path: string, ...options: string[]): void {
  execFileSync('mkfifo', [...options, path])
}

/** A FIFO on which tasks block, `read x < "$DIR/hold"`, until it is released. */
export interface Hold {
  release(): void
  close(): void
}

export function makeHold(path: string): Hold {
  makeFifo(path, '-m', '0666')
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  return {
    release: () => void writeSync(fd, '\n'),
    close: () => closeSync(fd),
  }
}

/** A FIFO that processes open by `exec 9> "$DIR/life"`: once one has, `gone` settles when all of them have ended. */
export interface Lifeline {
  gone(): Promise<void>
  close(): void
}

export function makeLifeline(path: string): Lifeline {
  makeFifo(path, '-m', '0666')
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  let socket: Socket | undefined
  return {
    async gone() {
      if (!hasWriter(fd)) return
      const reader = new Socket({ fd, readable: true, writable: false })
      socket = reader
      return new Promise(done =>
        reader
          .on('close', () => done())
          .on('error', () => {})
          .resume(),
      )
    },
    close() {
      if (socket === undefined) closeSync(fd)
      else socket.destroy()
    },
  }
}

/** Whether somebody has a FIFO open for writing, into which nobody has written. */
function hasWriter(fd: number): boolean {
  try {
    return readSync(fd, Buffer.alloc(1)) !== 0
  } catch {
    return true // EAGAIN: nothing yet.
  }
}
