/* What an operator can do with a runner. */
import type { Group } from '../../protocol/messages/groups.ts'
import type { Runner } from '../../protocol/messages/runners.ts'
import { useCall, useLive, usePage } from '../context.ts'
import { ConfirmButton, Field } from '../ui/form.tsx'

/** Runners belong to no namespace, so only who acts in all of them changes one. */
export function Actions({ runner, path, refresh }: { runner: Runner; path: string; refresh(): void }) {
  const { session } = usePage()
  const call = useCall()
  if (session.namespaces !== null) return null
  const { name } = runner
  const patch = (body: object, done: string) => call('PATCH', path, done, body).finally(refresh)
  if (runner.deleted)
    return (
      <div class="buttons">
        <ConfirmButton
          label="Allow it again"
          question={`${name} may register again with its own key.`}
          does={() => patch({ deleted: false }, `${name} may register again.`)}
        />
      </div>
    )
  return (
    <div class="buttons">
      {runner.enabled ? (
        <ConfirmButton
          label="Take out of service"
          question={`${name} will take no more jobs. What it runs goes on to its end.`}
          does={() => patch({ enabled: false }, `${name} takes no more jobs.`)}
        />
      ) : (
        <ConfirmButton
          label="Put into service"
          question={`${name} will take jobs again.`}
          does={() => patch({ enabled: true }, `${name} takes jobs again.`)}
        />
      )}
      <ConfirmButton
        label="Set taints"
        question="A runner with a taint takes no jobs. Taints say why, for example: maintenance."
        does={fields => patch({ taints: wordsOf(fields.get('taints')) }, `The taints of ${name} are set.`)}
      >
        <Field
          label="Taints, with commas between them"
          name="taints"
          defaultValue={runner.taints.join(', ')}
        />
      </ConfirmButton>
      <ConfirmButton
        label="Set capacity"
        question="How many jobs it runs at once. What runs already goes on."
        does={fields =>
          patch({ capacity: Number(fields.get('capacity')) }, `The capacity of ${name} is set.`)
        }
      >
        <Field
          label="Slots"
          name="capacity"
          type="number"
          min={0}
          max={1000}
          required
          defaultValue={runner.capacity}
        />
      </ConfirmButton>
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
  const pin = (pinned: string | null, done: string) =>
    call('PATCH', path, done, { pinned_runner_id: pinned }).finally(refresh)
  if (group?.mode !== 'leader') return null
  return group.pinned_runner_id === id ? (
    <ConfirmButton
      label="Unpin"
      question={`The group of ${name} elects its leader again.`}
      does={() => pin(null, `${name} is not pinned any more.`)}
    />
  ) : (
    <ConfirmButton
      label="Pin as leader"
      question={`${name} leads group ${runner_group} whenever it can take jobs.`}
      does={() => pin(id, `${name} leads its group while it can.`)}
    />
  )
}

const wordsOf = (text: FormDataEntryValue | null): string[] =>
  String(text ?? '')
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '')
