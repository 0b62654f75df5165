/**
 * Labels of every container: whose it is, which, of what runner group, and where its directory was made. A
 * network has the first three, of its container.
 */
export const labels = {
  runner: 'runner.uuid',
  executor: 'runner.executor',
  group: 'runner.group',
  directory: 'runner.directory',
} as const

/** The name of a container, and of its network. */
export const nameOf = (id: string) => `runner-${id}`
