/* The filters of executions, as the address and the API have them. */

export const filterNames = [
  ...([
    'state',
    'job_name',
    'runner_id',
    'runner_group',
    'namespace',
    'since',
    'until',
    'text',
    'after',
  ] as const),
]
export type FilterName = (typeof filterNames)[number]
export type Filters = { [name in FilterName]?: string }

/** The filters that an address names; others are left out. */
export function filtersOf(query: string | Record<string, string>): Filters {
  const named = new URLSearchParams(query)
  return Object.fromEntries(
    filterNames.flatMap(name => {
      const value = named.get(name)?.trim() ?? ''
      return value === '' ? [] : [[name, value]]
    }),
  )
}

/** The query of the call. Times in the address are local, as the fields of the form have them: `2026-11-30T14:03`. */
export function asked(filters: Filters): string {
  const query = new URLSearchParams(filters)
  for (const name of ['since', 'until'] as const) {
    const at = new Date(filters[name] ?? Number.NaN)
    if (Number.isNaN(at.getTime())) query.delete(name)
    else query.set(name, at.toISOString())
  }
  return `${query}`
}

/** The states that a filter names; all where it names none. */
export const statesIn = (filters: Filters): string[] => filters.state?.split(',') ?? []
