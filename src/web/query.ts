/* Queries of addresses, by which lists are filtered. */

/** The values of these fields in a query, several with commas between them; empty ones are left out. */
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

/** The filters of executions, as the address and the API have them. */
export const executionFilters =
  'state,job_name,runner_id,runner_group,namespace,since,until,text,after'.split(',')

/**
 * The query of the call that lists executions. Times in the address are local, as the fields of the form have
 * them: `2026-11-30T14:03`.
 */
export function executionQuery(filters: Record<string, string>): string {
  const query = new URLSearchParams(filters)
  for (const name of ['since', 'until']) {
    const at = new Date(filters[name] ?? Number.NaN)
    if (Number.isNaN(at.getTime())) query.delete(name)
    else query.set(name, at.toISOString())
  }
  return `${query}`
}
