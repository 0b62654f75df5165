import { type LookupAddress, type LookupAllOptions, lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { isPublic } from './public-address.ts'

/** A message must not go where a name, or an address, leads. */
export class NotAllowed extends Error {}

/** Looks a name up as node:dns does. */
export type LookUp = (
  host: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/**
 * Looks names up for a connection, and gives only addresses that may be used: public ones, unless `anywhere`.
 * The connection goes to the very addresses that were checked, so a name that leads elsewhere the next time
 * gains nothing.
 */
export function checkedLookup(anywhere: boolean, lookUp: LookUp = lookup): LookupFunction {
  return (host, options, callback) =>
    lookUp(host, { ...options, all: true } as LookupAllOptions, (error, found) => {
      if (error !== null) return callback(error, '')
      const usable = found.filter(({ address }) => anywhere || isPublic(address))
      const [first] = usable
      if (first === undefined) return callback(notPublic(host), '')
      return options.all ? callback(null, usable) : callback(null, first.address, first.family)
    })
}

/** The reason why a host that is named by its address must not be used: no name is looked up for it. */
export function notAllowed(host: string, anywhere: boolean): NotAllowed | undefined {
  const address = host.replace(/^\[(.*)\]$/, '$1')
  return anywhere || isIP(address) === 0 || isPublic(address) ? undefined : notPublic(host)
}

const notPublic = (host: string) =>
  new NotAllowed(
    `${host} is on this host or in a private network, ` +
      'where notifications go only with notify_private = yes in [server]',
  )
