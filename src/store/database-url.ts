/** The address of a PostgreSQL as it may be shown: without its password. Throws where it is not a URL. */
export function shownDatabase(url: string): string {
  const shown = new URL(url)
  shown.password = ''
  // A query without one stays as it was written.
  if (shown.searchParams.has('password')) shown.searchParams.delete('password')
  return shown.href
}

/** Whether the address of a PostgreSQL has a password in it; a text that is not a URL has none. */
export function hasPassword(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { password, searchParams } = new URL(url)
  return password !== '' || searchParams.has('password')
}
