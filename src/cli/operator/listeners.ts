import { isIP } from 'node:net'
import { endianness } from 'node:os'
import { readProcFile } from '../../system/proc.ts'

/** TCP_LISTEN in /proc/net/tcp (proc(5)). */
const listening = '0A'

/**
 * The users whose processes listen on an address of this host, one for each socket; undefined where /proc
 * does not tell.
 */
export function listenersAt(host: string, port: number): number[] | undefined {
  const tables = ['tcp', 'tcp6'].map(name => readProcFile(`net/${name}`)).filter(text => text !== '')
  if (tables.length === 0) return undefined
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  const own = isIP(bare) === 0 ? undefined : hexOf(bare)
  return tables
    .flatMap(text => text.split('\n').slice(1))
    .map(line => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => {
      if (state !== listening || !local.endsWith(suffix)) return false
      const address = local.slice(0, -suffix.length)
      // A listener on all addresses, or on this one, also as IPv6 writes IPv4; of a name every address
      // counts.
      return own === undefined || /^0+$/.test(address) || address.endsWith(own)
    })
    .map(fields => Number(fields[7]))
}

/** An address as in /proc/net/tcp: words of 32 bits in the order of the machine. */
function hexOf(address: string): string {
  const bytes = isIP(address) === 4 ? address.split('.').map(Number) : bytesOf6(address)
  const words: string[] = []
  for (let at = 0; at < bytes.length; at += 4) {
    const word = bytes.slice(at, at + 4)
    words.push(Buffer.from(endianness() === 'LE' ? word.reverse() : word).toString('hex'))
  }
  return words.join('').toUpperCase()
}

function bytesOf6(address: string): number[] {
  // A URL writes an address in one form: hexadecimal groups, with one `::` at the most, and no dots.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const left = groups(head)
  const right = groups(tail ?? '')
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...(tail === undefined ? [] : zeros), ...right].flatMap(group => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}
