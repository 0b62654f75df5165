/* Queries of addresses, by which lists are filtered. */

/** What a query says of these fields, several values with commas between them; what is empty is left out. */
export function valuesOf(
  query: string | URLSearchParams | Record<string, string>,
  names: Iterable<string>,
): Record<string, string> {
  const fields = new URLSearchParams(query)
  const textOf = (name: string) =>
    fields
      .getAll(name)
      .map(value => value.trim())
      .filter(Boolean)
      .join(',')
  const values = [...names].map(name => [name, textOf(name)] as const)
  return Object.fromEntries(values.filter(([, value]) => value !== ''))
}
