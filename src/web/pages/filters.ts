/* The filters of executions, as the address and the API have them. */

export const filterNames = [
  'state',
  'job_name',
  'runner_id',
  'runner_group',
  'namespace',
  'since',
  'until',
  'text',
  'after',
]

/** The query of the call. Times in the address are local, as the fields of the form have them: `2026-11-30T14:03`. */
export function asked(filters: Record<string, string>): string {
  const query = new URLSearchParams(filters)
  for (const name of ['since', 'until']) {
    const at = new Date(filters[name] ?? Number.NaN)
    if (Number.isNaN(at.getTime())) query.delete(name)
    else query.set(name, at.toISOString())
  }
  return `${query}`
}
