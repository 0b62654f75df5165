/* Addresses of the parts of the page. */

/** The address of a thing by its name or id; of the default namespace, or of none, it has no query. */
export function pathTo(part: string, name: string, namespace?: string | null): string {
  const isDefault = (namespace ?? 'default') === 'default'
  const query = isDefault ? '' : `?${new URLSearchParams({ namespace: String(namespace) })}`
  return `/${part}/${encodeURIComponent(name)}${query}`
}

export const executionPath = ({ id, namespace }: { id: string; namespace?: string }): string =>
  pathTo('executions', id, namespace)

export const jobPath = ({ name, namespace }: { name: string; namespace?: string | undefined }): string =>
  pathTo('jobs', name, namespace)

export const runnerPath = (id: string): string => pathTo('runners', id)
