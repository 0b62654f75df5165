import type { ExecutionRow } from './rows.ts'

/** A job, or a concurrency key, whose runs wait for each other. */
export interface Line {
  waits: 'turn' | 'key'
  namespace: string
  /** The name of the job, or the key. */
  of: string
}

/** The line in which an execution waits, if it does. */
export function lineOf(row: ExecutionRow): Line | undefined {
  if (row.state !== 'queued') return undefined
  const { waits, namespace } = row
  if (waits === 'turn' && row.job_name !== null) return { waits, namespace, of: row.job_name }
  if (waits === 'key' && row.concurrency_key !== null) return { waits, namespace, of: row.concurrency_key }
  return undefined
}

/** Names the queue of an execution: executions in one queue can be taken by the same runners. */
export function queueOf(row: Pick<ExecutionRow, 'runner_group' | 'capabilities'>): string {
  return `${row.runner_group} ${row.capabilities.join(',')}`
}

/** The runner group and the capabilities from which `queueOf` made a name. */
export function partsOfQueue(queue: string): Pick<ExecutionRow, 'runner_group' | 'capabilities'> {
  const [runner_group = '', capabilities = ''] = queue.split(' ')
  return { runner_group, capabilities: capabilities === '' ? [] : capabilities.split(',') }
}
