/* Addresses of the parts of the page. */
const inNamespace = (namespace: string | null | undefined) =>
  namespace === null || namespace === undefined || namespace === 'default'
    ? ''
    : `?namespace=${encodeURIComponent(namespace)}`

export const executionPath = ({ id, namespace }: { id: string; namespace?: string }): string =>
  `/executions/${encodeURIComponent(id)}${inNamespace(namespace)}`

export const jobPath = ({ name, namespace }: { name: string; namespace?: string | undefined }): string =>
  `/jobs/${encodeURIComponent(name)}${inNamespace(namespace)}`

export const runnerPath = (id: string): string => `/runners/${encodeURIComponent(id)}`
