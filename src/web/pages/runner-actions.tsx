/* The actions of an operator on a runner. */
import type { Group } from '../../protocol/messages/groups.ts'
import type { Runner } from '../../protocol/messages/runners.ts'
import { useCall, useLive, usePage } from '../context.ts'
import { wordsOf } from '../texts.ts'
import { ConfirmButton } from '../ui/form.tsx'

/** Runners belong to no namespace, so only who acts in all of them changes one. */
export function Actions({ runner, path, refresh }: { runner: Runner; path: string; refresh(): void }) {
  const { session } = usePage()
  const call = useCall()
  if (session.namespaces !== null) return null
  const { name } = runner
  const patch = (body: object, done: string) => call('PATCH', path, done, body).finally(refresh)
  if (runner.deleted)
    return (
      <ConfirmButton
        label="Allow it again"
        question={`${name} may register again with its own key.`}
        does={() => patch({ deleted: false }, `${name} may register again.`)}
      />
    )
  const taints = runner.taints.join(', ')
  const range = { type: 'number', min: 0, max: 1000, required: true } as const
  const slots = { label: 'Slots', name: 'slots', ...range, defaultValue: runner.capacity }
  const done = `${name} takes ${runner.enabled ? 'no more jobs; those that it has run on' : 'jobs'}.`
  return (
    <div class="buttons">
      <ConfirmButton
        label={runner.enabled ? 'Take out of service' : 'Put into service'}
        question={done}
        does={() => patch({ enabled: !runner.enabled }, done)}
      />
      <ConfirmButton
        label="Set taints"
        question="A runner with a taint takes no jobs. Taints say why, for example: maintenance."
        field={{ label: 'Taints, with commas between them', name: 'taints', defaultValue: taints }}
        does={fields => patch({ taints: wordsOf(fields.get('taints')) }, `The taints of ${name} are set.`)}
      />
      <ConfirmButton
        label="Set capacity"
        question="The number of jobs that it runs at once. Running jobs continue."
        field={slots}
        does={fields => patch({ capacity: Number(fields.get('slots')) }, `The capacity of ${name} is set.`)}
      />
      <Pin runner={runner} />
      <ConfirmButton
        label="Delete"
        danger
        question={`${name} is deleted, and its jobs are aborted. It cannot register again until allowed.`}
        does={() => call('DELETE', path, `${name} is deleted.`).finally(refresh)}
      />
    </div>
  )
}

/** Where a leader takes the jobs of a group, an operator may say which one that is. */
function Pin({ runner: { id, name, runner_group } }: { runner: Runner }) {
  const call = useCall()
  const path = `/v1/groups/${encodeURIComponent(runner_group)}`
  const { data: group, refresh } = useLive<Group>(path, ['group'])
  if (group?.mode !== 'leader') return null
  const isPinned = group.pinned_runner_id === id
  const [label, what] = isPinned
    ? ['Unpin', `Group ${runner_group} elects its leader again.`]
    : ['Pin as leader', `${name} leads group ${runner_group} whenever it can take jobs.`]
  const body = { pinned_runner_id: isPinned ? null : id }
  return (
    <ConfirmButton
      label={label!}
      question={what!}
      does={() => call('PATCH', path, what!, body).finally(refresh)}
    />
  )
}
