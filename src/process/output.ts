import { closeSync, constants, globSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/** Takes output as it comes, valid only during the call; a promise asks to wait before more is read. */
export type Sink = (chunk: Uint8Array) => void | Promise<void>

/** The reading end of one process's output. */
export interface Capture {
  /** What to start the process with. */
  output: number | 'pipe'
  /** To be called once the process has been started, or could not be. */
  started(pipes: Readable[]): void
  /**
   * To be called when the process has ended: all that it wrote has reached the sink when this returns. What a
   * child in the background still writes reaches it later, until the outputs are disposed of.
   */
  drain(): void
  /** Settles when nobody can write any more. */
  closed: Promise<void>
}

/** A pipe holds 64 KiB unless its writer made it larger, 1 MiB at the most (pipe(7)). */
const largestPipe = 1024 * 1024
/** All output passes through here: a sink has to copy what it wants to keep. */
const shared = Buffer.allocUnsafeSlow(65536)

/**
 * Output through FIFOs. Not through a plain file, which a task's `echo x > /dev/stderr` would truncate, nor
 * through a pipe of Node's, which is a socket that cannot be opened by that name. A FIFO is used again once all
 * its writers have gone. Where none can be made, plain pipes have to do.
 */
export class Outputs implements Disposable {
  readonly #parent: string
  #directory: string | undefined
  readonly #free: string[] = []
  #over = false
  #made = 0

  /** Removes from a directory what outputs have left there whose process was killed. */
  static sweep(parent: string): void {
    for (const name of globSync('output-*', { cwd: parent }))
      rmSync(join(parent, name), { recursive: true, force: true })
  }

  /** `parent`: a directory in which the FIFOs get one of their own, with the first of them. */
  constructor(parent: string) {
    this.#parent = parent
  }

  /** Opens the output of one process; its sink hears of it until the outputs are disposed of. */
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
          // Node keeps the descriptor to itself, and what has arrived has to be read now.
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
      // Anyone may write who can reach it: a task that has become another user, through /dev/stderr.
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
   * Ends all hearing, and removes the FIFOs. What processes in the background still write is read and forgotten
   * until this process ends; then they get SIGPIPE, as behind any pipe.
   */
  [Symbol.dispose](): void {
    this.#over = true
    try {
      if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true })
    } catch {
      // What cannot be removed stays; it is no reason for a run to fail.
    }
  }
}

/** Hands over what is in a pipe; `open` when somebody still can write into it. */
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
