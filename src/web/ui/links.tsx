/* Links to jobs and runners by their names. */
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import { usePage } from '../context.ts'
import { jobPath, runnerPath } from '../paths.ts'
import { mayRead } from '../session.ts'

/** The namespace of a thing, where it is not the default one. */
export function InNamespace({ of }: { of: string | undefined }) {
  return of === undefined || of === 'default' ? null : <span class="hint"> in {of}</span>
}

export function JobLink({ name, namespace }: { name: string; namespace: string | undefined }) {
  return (
    <>
      <a href={jobPath({ name, namespace })}>{name}</a>
      <InNamespace of={namespace} />
    </>
  )
}

/** The runner that has or had an execution. */
export function RunnerLink({ of: { runner_id: id, node_name } }: { of: ListedExecution }) {
  const { session } = usePage()
  if (id === null || !mayRead(session)) return node_name ?? '–'
  return <a href={runnerPath(id)}>{node_name ?? id}</a>
}
