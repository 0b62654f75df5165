/* One runner: what it is, what it runs, and what an operator can do with it. */
import { useRoute } from 'preact-iso/router'
import type { Group } from '../../protocol/messages/groups.ts'
import type { Runner as RunnerFacts } from '../../protocol/messages/runners.ts'
import type { Availability } from '../../protocol/messages/stats.ts'
import { useLive, usePage } from '../context.ts'
import { mayOperate } from '../session.ts'
import { localTime } from '../texts.ts'
import { ConfirmButton } from '../ui/confirm.tsx'
import { StateAndWhy } from '../ui/runner-state.tsx'
import { Loaded, Time } from '../ui/show.tsx'
import { Title } from '../ui/title.tsx'

export function Runner() {
  const { id = '' } = useRoute().params
  const path = `/v1/runners/${encodeURIComponent(id)}`
  const shown = useLive<RunnerFacts>(path, { topics: ['runner'], fits: change => change.id === id })
  return (
    <>
      <Title text={shown.data === undefined ? 'Runner' : `Runner ${shown.data.name}`} />
      <Loaded of={shown}>
        {runner => (
          <>
            <Actions runner={runner} path={path} refresh={shown.refresh} />
            <Facts runner={runner} />
            <h2>Connected in the last 24 hours</h2>
            <Connected path={path} />
            <h2>Runs now</h2>
            {runner.running.length === 0 ? (
              <p class="hint">Nothing.</p>
            ) : (
              <ul>
                {runner.running.map(execution => (
                  <li key={execution}>
                    <a href={`/executions/${execution}`}>{execution}</a>
                  </li>
                ))}
              </ul>
            )}
            <p>
              <a href={`/executions?runner_id=${id}`}>All executions of this runner</a>
            </p>
          </>
        )}
      </Loaded>
    </>
  )
}

function Facts({ runner }: { runner: RunnerFacts }) {
  const { host = {} } = runner
  const metadata = Object.entries(runner.metadata).map(([name, value]) => `${name}=${value}`)
  const facts: [string, preact.ComponentChildren][] = [
    ['Group', runner.runner_group],
    ['Busy', `${runner.running.length} of ${runner.capacity} slots`],
    ['Capabilities', runner.capabilities.join(', ') || '–'],
    ['Taints', runner.taints.join(', ') || '–'],
    ['Metadata', metadata.join(', ') || '–'],
    ['Version', runner.version],
    ['Host', [host.os, host.os_version, host.architecture, host.kernel].filter(Boolean).join(', ') || '–'],
    ['Clock', clockText(runner.clock_difference_seconds)],
    ['Executors', runner.executors.map(({ image, state }) => `${image} (${state})`).join(', ') || '–'],
    ['Registered', <Time key="created" at={runner.created_at} />],
    ['Last heartbeat', <Time key="heartbeat" at={runner.last_heartbeat_at} />],
    [
      'Token expires',
      runner.credentials_expire_at ? <Time key="token" at={runner.credentials_expire_at} /> : 'never',
    ],
  ]
  return (
    <>
      <StateAndWhy of={runner} />
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  )
}

function clockText(seconds: number | null): string {
  if (seconds === null) return 'not known'
  if (Math.abs(seconds) < 1) return 'right, to a second'
  return `${Math.abs(seconds).toFixed(1)} s ${seconds > 0 ? 'ahead of' : 'behind'} the server's`
}

/** A strip of the last 24 hours. */
function Connected({ path }: { path: string }) {
  const shown = useLive<Availability>(`${path}/availability`, { topics: [] })
  return (
    <Loaded of={shown}>
      {({ available, items }) => (
        <>
          <p>
            {available === null
              ? 'Nobody has watched it in this time.'
              : `${(available * 100).toFixed(available === 1 ? 0 : 1)} % of the time that the server ran.`}
          </p>
          <div class="strip" aria-hidden="true">
            {items.map(({ at, available: share }) => (
              <span key={at} class={shareClass(share)} title={localTime(at)} />
            ))}
          </div>
        </>
      )}
    </Loaded>
  )
}

const shareClass = (share: number | null) =>
  share === null ? 'unknown' : share >= 0.99 ? 'good' : share > 0 ? 'partly' : 'bad'

interface Acting {
  runner: RunnerFacts
  path: string
  refresh: () => void
}

function Actions({ runner, path, refresh }: Acting) {
  const { server, notices, session } = usePage()
  const groupPath = `/v1/groups/${encodeURIComponent(runner.runner_group)}`
  const group = useLive<Group>(groupPath, { topics: ['group'] })
  if (!mayOperate(session) || session.namespaces !== null) return null
  const { name } = runner
  const patch = async (body: object, done: string) => {
    await notices.of(server.json('PATCH', path, { body }), done)
    refresh()
  }
  const isPinned = group.data?.pinned_runner_id === runner.id
  const pin = async () => {
    const body = { pinned_runner_id: isPinned ? null : runner.id }
    await notices.of(
      server.json('PATCH', groupPath, { body }),
      isPinned ? `${name} is not pinned any more.` : `${name} leads its group while it can.`,
    )
    group.refresh()
  }
  if (runner.deleted)
    return (
      <div class="buttons">
        <ConfirmButton
          label="Allow it again"
          question={`${name} may register again with its own key.`}
          onConfirm={() => patch({ deleted: false }, `${name} may register again.`)}
        />
      </div>
    )
  return (
    <div class="buttons">
      <ConfirmButton
        label={runner.enabled ? 'Take out of service' : 'Put into service'}
        question={
          runner.enabled
            ? `${name} will take no more jobs. What it runs goes on to its end.`
            : `${name} will take jobs again.`
        }
        onConfirm={() =>
          patch(
            { enabled: !runner.enabled },
            runner.enabled ? `${name} takes no more jobs.` : `${name} takes jobs again.`,
          )
        }
      />
      <ConfirmButton
        label="Set taints"
        question={`A runner with a taint takes no jobs. Taints say why, for example: maintenance.`}
        onConfirm={form => patch({ taints: wordsOf(form.get('taints')) }, `The taints of ${name} are set.`)}
      >
        <label>
          Taints, with commas between them <input name="taints" defaultValue={runner.taints.join(', ')} />
        </label>
      </ConfirmButton>
      <ConfirmButton
        label="Set capacity"
        question="How many jobs it runs at once. What runs already goes on."
        onConfirm={form =>
          patch({ capacity: Number(form.get('capacity')) }, `The capacity of ${name} is set.`)
        }
      >
        <label>
          Slots{' '}
          <input
            name="capacity"
            type="number"
            min={0}
            max={1000}
            required
            defaultValue={String(runner.capacity)}
          />
        </label>
      </ConfirmButton>
      {group.data?.mode === 'leader' && (
        <ConfirmButton
          label={isPinned ? 'Unpin' : 'Pin as leader'}
          question={
            isPinned
              ? `The group of ${name} elects its leader again.`
              : `${name} leads group ${runner.runner_group} whenever it can take jobs.`
          }
          onConfirm={pin}
        />
      )}
      <ConfirmButton
        label="Delete"
        danger
        question={`${name} will be deleted, and what it has not finished is aborted. It cannot register again until somebody allows it.`}
        onConfirm={async () => {
          await notices.of(server.json('DELETE', path), `${name} is deleted.`)
          refresh()
        }}
      />
    </div>
  )
}

const wordsOf = (text: FormDataEntryValue | null): string[] =>
  String(text ?? '')
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '')
