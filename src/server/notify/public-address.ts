/*
 * Whether an address is one that everybody on the internet reaches, or one of this host or of a network
 * around it.
 */
import { BlockList, isIP } from 'node:net'

/**
 * The IPv4 networks that are not public (RFC 6890): this host, private ones, of providers, link-local,
 * special, multicast.
 */
const notPublic4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]

/** In IPv6 only these are public, without what they have inside that is not. */
const public6 = ['2000::/3']
const notPublic6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

/** Prefixes behind which an IPv4 address stands, to which such an address leads: mapped, and NAT64. */
const carriers = [/^::ffff:/i, /^64:ff9b::/i]

const listOf = (networks: readonly string[], family: 'ipv4' | 'ipv6') => {
  const list = new BlockList()
  for (const network of networks) {
    const [address, length] = network.split('/')
    list.addSubnet(address!, Number(length), family)
  }
  return list
}

const blocked4 = listOf(notPublic4, 'ipv4')
const allowed6 = listOf(public6, 'ipv6')
const blocked6 = listOf(notPublic6, 'ipv6')

export function isPublic(text: string): boolean {
  const address = text.replace(/%.*$/s, '')
  if (isIP(address) === 4) return !blocked4.check(address, 'ipv4')
  if (isIP(address) !== 6) return false
  const carrier = carriers.find(prefix => prefix.test(plain(address)))
  if (carrier !== undefined) return isPublic(carried(plain(address).replace(carrier, '')))
  return allowed6.check(address, 'ipv6') && !blocked6.check(address, 'ipv6')
}

/** An IPv6 address as URL writes it: the shortest form, in hexadecimal alone. */
const plain = (address: string) => new URL(`http://[${address}]/`).hostname.slice(1, -1)

/** The IPv4 address in the last two groups of an IPv6 address. */
function carried(groups: string): string {
  const parts = groups.split(':').map(group => Number.parseInt(group || '0', 16))
  const [low = 0, high = 0] = parts.toReversed()
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
