import type { Socket } from 'node:net'

/** The number of connections that may wait, in all and of one address. */
export interface ConnectionLimits {
  all: number
  address: number
}

/** The limits of a machine with plenty of open files. */
const most: ConnectionLimits = { all: 8192, address: 4096 }

/** Limits that leave half of the files that this process may open to connections with a valid token. */
export function connectionLimits(openFiles: number): ConnectionLimits {
  const all = Math.max(2, Math.min(most.all, Math.floor(openFiles / 2)))
  return { all, address: Math.min(most.address, Math.ceil(all / 2)) }
}

/**
 * The connections on which no valid token has come yet. A new connection is always let in: where there are
 * too many, the oldest of the address that has the most is closed for it. A client that asks at once, such as
 * a probe of `/health`, is therefore answered while others hold silent connections, and thousands of runners
 * behind one address are not counted once they have authenticated.
 */
export class UnauthenticatedConnections {
  readonly #limits: ConnectionLimits
  readonly #onClosed: () => void
  /** The sockets by address and then port, the oldest first. */
  readonly #addresses = new Map<string, Map<number, Socket>>()
  #count = 0

  /** `onClosed` hears of each connection that is closed for another one. */
  constructor(limits: ConnectionLimits, onClosed: () => void) {
    this.#limits = limits
    this.#onClosed = onClosed
  }

  get size(): number {
    return this.#count
  }

  /** Takes a connection that has just been accepted; of TLS the one below it, before the handshake. */
  add(socket: Socket): void {
    const { remoteAddress, remotePort } = socket
    // It has been closed already.
    if (remoteAddress === undefined || remotePort === undefined) return void socket.destroy()
    const address = networkOf(remoteAddress)
    const own = this.#addresses.get(address) ?? new Map<number, Socket>()
    if (own.size >= this.#limits.address) this.#closeOldest(address)
    else if (this.#count >= this.#limits.all) this.#closeOldest(this.#largest())
    // The last connection of an address takes its entry with it.
    this.#addresses.set(address, own)
    own.set(remotePort, socket)
    this.#count++
    socket.once('close', () => this.#remove(address, remotePort, socket))
  }

  /** A valid token has come on this connection. */
  authenticated({ remoteAddress, remotePort }: Socket): void {
    if (remoteAddress !== undefined && remotePort !== undefined)
      this.#remove(networkOf(remoteAddress), remotePort)
  }

  /** Whether no valid token has come on this connection. */
  has({ remoteAddress = '', remotePort = 0 }: Socket): boolean {
    return this.#addresses.get(networkOf(remoteAddress))?.has(remotePort) ?? false
  }

  #largest(): string {
    let [largest, size] = ['', 0]
    for (const [address, own] of this.#addresses) if (own.size > size) [largest, size] = [address, own.size]
    return largest
  }

  #closeOldest(address: string): void {
    const [oldest] = this.#addresses.get(address) ?? []
    if (oldest === undefined) return
    const [port, socket] = oldest
    this.#remove(address, port)
    socket.destroy()
    this.#onClosed()
  }

  /** `only`: where the port has been used again, another connection has it. */
  #remove(address: string, port: number, only?: Socket): void {
    const own = this.#addresses.get(address)
    const socket = own?.get(port)
    if (own === undefined || socket === undefined || (only !== undefined && socket !== only)) return
    own.delete(port)
    this.#count--
    if (own.size === 0) this.#addresses.delete(address)
  }
}

/**
 * The key that counts as one address: for IPv6 the network, in which one host has as many addresses as it
 * wants.
 */
function networkOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const last = tail === '' ? [] : tail.split(':')
    while (groups.length + last.length < 8) groups.push('0')
  }
  return groups.slice(0, 4).join(':')
}
