import { createHash } from 'node:crypto'

/**
 * An address of this machine alone that no other test listens on, so that a page may name a port: one of 127.0.0.0/8, made
 * of an id.
 */
export function ownAddress(id: string): string {
  const bytes = createHash('sha256').update(id).digest().subarray(0, 3)
  // None of them is 0 or 255, so it is neither 127.0.0.1 nor an address of a network.
  return ['127', ...[...bytes].map(byte => (byte % 254) + 1)].join('.')
}
