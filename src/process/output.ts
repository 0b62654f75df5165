import { closeSync, constants, globSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/** Takes output, valid only during the call; a promise asks the caller to wait before it reads more. */
export type Sink = (chunk: Uint8Array) => void | Promise<void>

/** The reading end of one process's output. */
export interface Capture {
  /** The standard output and error of the process. */
  output: number | 'pipe'
  /** To be called once the process has been started, or could not be. */
  started(pipes: Readable[]): void
  /**
   * Reads all that the process has written; call it when the process has ended. Later output of a child in
   * the background reaches the sink until the outputs are disposed of.
   */
  drain(): void
  /** Settles when no process can write any more. */
  closed: Promise<void>
}

/** A pipe holds 64 KiB unless its writer made it larger, 1 MiB at the most (pipe(7)). */
const largestPipe = 1024 * 1024
/** All output passes through this buffer: a sink has to copy the bytes that it keeps. */
const shared = Buffer.allocUnsafeSlow(65536)

/**
 * Output through FIFOs. Not through a plain file, which a task's `echo x > /dev/stderr` would truncate, nor
 * through a pipe of Node's, which is a socket that cannot be opened by that name. A FIFO is used again once
 * all its writers have gone. Where none can be made, plain pipes have to do.
 */
export class Outputs implements Disposable {
  readonly #parent: string
  #directory: string | undefined
  readonly #free: string[] = []
  #over = false
  #made = 0

  /** Removes the FIFOs that killed processes have left in a directory. */
  static sweep(parent: string): void {
    for (const name of globSync('output-*', { cwd: parent }))
      rmSync(join(parent, name), { recursive: true, force: true })
  }

  /** `parent`: a directory in which the FIFOs get one of their own, with the first of them. */
  constructor(parent: string) {
    this.#parent = parent
  }

  /** Opens the output of one process; the sink gets it until the outputs are disposed of. */
  open(sink: Sink): Capture {
    const take: Sink = chunk => (this.#over ? undefined : sink(chunk))
    return this.#openFifo(take) ?? this.#openPipes(take)
  }

  #openFifo(sink: Sink): Capture | undefined {
    const path = this.#free.pop() ?? this.#make()
    if (path === undefined) return undefined
    const fds: number[] = []
    const open = (flags: number) => {
      const fd = openSync(path, flags)
      fds.push(fd)
      return fd
    }
    try {
      // Two readers: one for the event loop, one to empty the FIFO at once when the process has ended.
      const reader = open(constants.O_RDONLY | constants.O_NONBLOCK)
      const drain = open(constants.O_RDONLY | constants.O_NONBLOCK)
      const writer = open(constants.O_WRONLY)
      return this.#capture(path, { reader, drain, writer }, sink)
    } catch {
      // The directory has gone, or there are no descriptors left.
      fds.forEach(closeSync)
      return undefined
    }
  }

  #capture(path: string, fds: { reader: number; drain: number; writer: number }, sink: Sink): Capture {
    const { Socket } = process.getBuiltinModule('node:net')
    const socket = new Socket({
      fd: fds.reader,
      readable: true,
      writable: false,
      onread: {
        buffer: shared,
        callback(length: number, buffer: Uint8Array) {
          const pause = sink(buffer.subarray(0, length))
          pause?.then(() => socket.resume())
          return pause === undefined
        },
      },
    } as ConstructorParameters<typeof Socket>[0])
    let busy = true
    const free = () => {
      if (busy) this.#free.push(path)
      busy = false
    }
    const closed = new Promise<void>(resolve => {
      socket.on('error', () => {})
      socket.on('close', () => resolve(free()))
    })
    socket.resume()
    return {
      output: fds.writer,
      started: () => closeSync(fds.writer),
      drain() {
        const state = readAll(fds.drain, sink)
        closeSync(fds.drain)
        if (state === 'ended') {
          free()
          socket.destroy()
        } else socket.unref()
      },
      closed,
    }
  }

  /** Where the system has no FIFO for us. */
  #openPipes(sink: Sink): Capture {
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    let pipes: Socket[] = []
    return {
      output: 'pipe',
      started(given) {
        pipes = given as Socket[]
        for (const pipe of pipes) {
          pipe.on('error', () => {})
          pipe.on('data', (chunk: Buffer) => {
            const pause = sink(chunk)
            if (pause === undefined) return
            pipe.pause()
            pause.then(() => pipe.resume())
          })
        }
        Promise.all(pipes.map(pipe => new Promise(end => pipe.once('close', end)))).then(() => resolve())
      },
      drain() {
        for (const pipe of pipes) {
          // Node keeps the descriptor to itself, and the bytes that have arrived have to be read now.
          const { fd } = (pipe as Socket & { _handle: { fd: number } | null })._handle ?? {}
          if (fd !== undefined) readAll(fd, sink)
          pipe.unref()
        }
      },
      closed,
    }
  }

  #make(): string | undefined {
    try {
      this.#directory ??= mkdtempSync(join(this.#parent, 'output-'))
      const path = join(this.#directory, String(this.#made++))
      // Every user who can reach the FIFO may write: a task that has become another user does so through
      // /dev/stderr.
      const { spawnSync } = process.getBuiltinModule('node:child_process')
      const made = ['mkfifo', '/usr/bin/mkfifo', '/bin/mkfifo'].some(
        program => spawnSync(program, ['-m', '0622', path], { stdio: 'ignore' }).status === 0,
      )
      return made ? path : undefined
    } catch {
      return undefined
    }
  }

  /**
   * Passes no more output on, and removes the FIFOs. Output of processes in the background is read and
   * dropped until this process ends; then they get SIGPIPE, as with any pipe.
   */
  [Symbol.dispose](): void {
    this.#over = true
    try {
      if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true })
    } catch {
      // A FIFO that cannot be removed stays: it must not fail the run.
    }
  }
}

/** Hands over the bytes in a pipe; `open` if a process can still write into it. */
function readAll(fd: number, sink: Sink): 'ended' | 'open' {
  for (let total = 0; total <= largestPipe; ) {
    let length: number
    try {
      length = readSync(fd, shared)
    } catch {
      return 'open' // EAGAIN: empty for now.
    }
    if (length === 0) return 'ended'
    total += length
    sink(shared.subarray(0, length))
  }
  return 'open'
}
