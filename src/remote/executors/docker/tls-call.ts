/*
 * The runner's end of one connection of a plugin; its other end is tls.sh in the container, to which two
 * FIFOs lead.
 */
import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { type SecureContext, TLSSocket } from 'node:tls'
import type { ExchangeDir } from '../handover/exchange-dir.ts'

const {
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_CLOEXEC = 0,
} = constants as typeof constants & {
  O_CLOEXEC?: number
}

export class TlsCall {
  /** The pid of tls.sh. */
  readonly pid: string
  /** The plain side of the connection: a plugin's requests and their answers. */
  readonly socket: TLSSocket
  readonly #folder: ExchangeDir
  readonly #reader: Socket
  readonly #writer: Socket
  /** Both FIFOs, from which TLS reads and into which it writes. */
  readonly #stream: Duplex
  #closed = false

  /** Opens the FIFOs. Throws system errors. */
  constructor(folder: ExchangeDir, pid: string, secureContext: SecureContext) {
    this.pid = pid
    this.#folder = folder
    this.#reader = fifoAt(`${folder.path}/call.${pid}.to`, O_RDONLY)
    try {
      // Opening a FIFO for writing alone fails while nobody reads it, so it is opened for both.
      this.#writer = fifoAt(`${folder.path}/call.${pid}.from`, O_RDWR)
    } catch (error) {
      this.#reader.destroy()
      throw error
    }
    this.#reader.on('data', bytes => void (this.#stream.push(bytes) || this.#reader.pause()))
    this.#reader.on('end', () => this.#stream.push(null))
    this.#stream = new Duplex({
      read: () => void this.#reader.resume(),
      write: (bytes: Buffer, _, done) => void this.#writer.write(bytes, done),
    })
    this.socket = new TLSSocket(this.#stream, { isServer: true, secureContext })
    // The handshake went both ways, so tls.sh has both FIFOs open.
    this.socket.on('secure', () => {
      if (!this.#closed) this.#removeNames()
    })
    // A plugin may end at any time and send any bytes.
    for (const one of [this.#reader, this.#writer, this.#stream, this.socket])
      one.on('error', () => this.close())
    this.#reader.on('close', () => this.close())
    this.socket.on('close', () => this.close())
  }

  /** Can be repeated; after the first time it does not touch the folder, which may be closed by then. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#removeNames()
    for (const one of [this.socket, this.#stream, this.#reader, this.#writer]) one.destroy()
  }

  #removeNames(): void {
    try {
      for (const end of ['to', 'from'])
        rmSync(`${this.#folder.path}/call.${this.pid}.${end}`, { force: true })
    } catch {
      // A job has put something else there; the look at its container finds it.
    }
  }
}

function fifoAt(path: string, access: number): Socket {
  const fd = openSync(path, access | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
  try {
    const reads = access === O_RDONLY
    // The constructor fails for a file that is not a FIFO.
    return new Socket({ fd, readable: reads, writable: !reads }).unref()
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
