/** `host:port`, `[v6]:port`, or `:port` for all addresses. */
export function parseAddress(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return { host: host === '' ? '::' : host, port: Number(text.slice(colon + 1)) }
}
