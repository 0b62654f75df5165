import { isIPv4 } from 'node:net'

/**
 * Whether a host is this machine and no other: `localhost`, an address of 127.0.0.0/8 in four parts, or
 * `::1`, which may stand in brackets, as in a URL. No name is looked up, so a name that leads to a loopback
 * address does not count.
 */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  return bare === 'localhost' || bare === '::1' || (isIPv4(bare) && bare.startsWith('127.'))
}
