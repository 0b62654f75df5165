import type { IncomingHttpHeaders } from 'node:http'
import { insideNetworks, plainAddress } from '../../system/networks.ts'

/** Finds the address of a client. */
export type ClientAddress = (peer: string | undefined, headers: IncomingHttpHeaders) => string

/**
 * The address of a client behind proxies: that of the connection, unless one of the trusted proxies has made
 * it. Their header is read from right to left, past further trusted ones: anybody can write the text before
 * that. `Forwarded` (RFC 7239) is read if there is no `X-Forwarded-For`.
 */
export function clientAddress(trusted: readonly string[]): ClientAddress {
  const isTrusted = insideNetworks(trusted)
  return (peer = '', headers) => {
    let address = plainAddress(peer) ?? peer
    if (trusted.length === 0 || !isTrusted(address)) return address
    for (const hop of hopsOf(headers).toReversed()) {
      const next = addressIn(hop)
      // A proxy may hide its client; then the proxy's own address counts.
      if (next === undefined) break
      address = next
      if (!isTrusted(address)) break
    }
    return address
  }
}

/** The hops before the one that has made the connection, in their order. */
function hopsOf({ 'x-forwarded-for': plain, forwarded }: IncomingHttpHeaders): string[] {
  if (plain !== undefined) return [plain].flat().join(',').split(',')
  if (forwarded === undefined) return []
  return forwarded.split(',').map(hop => /(?:^|;)\s*for\s*=\s*"?([^";]*)/i.exec(hop)?.[1] ?? '')
}

/** The address of a hop, which may have a port: `192.0.2.1:80`, `[2001:db8::1]:80`. */
function addressIn(hop: string): string | undefined {
  const text = hop.trim()
  const [, bare] = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? /^([\d.]+):\d+$/.exec(text) ?? []
  return plainAddress(bare ?? text)
}
