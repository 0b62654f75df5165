/* All runners by their groups, and how to attach another one. */
import type { Group } from '../../protocol/messages/groups.ts'
import type { Runner } from '../../protocol/messages/runners.ts'
import { useCall, useList, usePage } from '../context.ts'
import { runnerPath } from '../paths.ts'
import { Command, ConfirmButton } from '../ui/form.tsx'
import { type Columns, Empty, Items, Table } from '../ui/items.tsx'
import { StateAndWhy } from '../ui/runner-state.tsx'
import { Noted, Page, Section, Time } from '../ui/show.tsx'

export function Runners() {
  const runners = useList<Runner>('/v1/runners?limit=500', ({ id }) => id, ['runner', 'group'])
  const groups = useList<Group>('/v1/groups?limit=500', ({ name }) => name, ['runner', 'group'])
  const none = (
    <Empty text="No runner is attached, so jobs wait.">
      <Attach />
    </Empty>
  )
  return (
    <Page title="Runners">
      <Items of={runners} empty={none}>
        {all =>
          [...Map.groupBy(all, ({ runner_group }) => runner_group)].map(([name, members]) => (
            <GroupSection
              key={name}
              name={name}
              group={groups.data?.find(group => group.name === name)}
              members={members}
            />
          ))
        }
      </Items>
      {runners.data !== undefined && runners.data.length > 0 && (
        <Section title="Attach another runner">
          <Attach />
        </Section>
      )}
    </Page>
  )
}

interface Members {
  name: string
  /** undefined: not read yet. */
  group: Group | undefined
  members: Runner[]
}

function GroupSection({ name, group, members }: Members) {
  const lives = members.filter(({ deleted }) => !deleted)
  const slots = lives.reduce((sum, { capacity }) => sum + capacity, 0)
  const busy = lives.reduce((sum, { running }) => sum + running.length, 0)
  return (
    <section>
      <div class="title">
        <h2>Group {name}</h2>
        <p class="hint">
          {group?.mode === 'leader' ? 'Only its leader takes jobs.' : 'Every runner of it takes jobs.'}{' '}
          {lives.length === 1 ? '1 runner' : `${lives.length} runners`} with {slots} slots, {busy} of them
          busy.
        </p>
        {group !== undefined && <Mode of={group} />}
      </div>
      <Table of={members} keyOf={({ id }) => id} names="Runner" columns={columnsOf(group)} />
    </section>
  )
}

/** Changes whether all runners of a group take jobs, or one. */
function Mode({ of: { name, mode } }: { of: Group }) {
  const call = useCall()
  const path = `/v1/groups/${encodeURIComponent(name)}`
  const isLed = mode === 'leader'
  const what = isLed
    ? `Every runner of group ${name} takes jobs, as its capacity allows.`
    : `One runner of group ${name}, its leader, takes jobs; when it is gone, another one does.`
  const does = () => call('PATCH', path, what, { mode: isLed ? 'all' : 'leader' })
  return <ConfirmButton label={isLed ? 'Use all runners' : 'Use one leader'} question={what} does={does} />
}

const columnsOf = (group: Group | undefined): Columns<Runner> => ({
  Runner: ({ id, name }) => (
    <Noted of={<a href={runnerPath(id)}>{name}</a>} by={group?.pinned_runner_id === id && 'pinned'} />
  ),
  State: runner => <StateAndWhy of={runner} />,
  Busy: ({ running, capacity }) => `${running.length} of ${capacity}`,
  Capabilities: ({ capabilities }) => capabilities.join(', ') || '–',
  Version: ({ version }) => version,
  'Last heartbeat': ({ last_heartbeat_at }) => <Time at={last_heartbeat_at} />,
})

/** The instructions for attaching a runner to this server. */
function Attach() {
  const { session } = usePage()
  return (
    <>
      <p>
        On a host with a container engine, with a registration token in the file{' '}
        <code>registration.token</code>:
      </p>
      <Command text={`runner attach --server ${location.origin} --token-file registration.token`} />
      <p class="hint">
        {session.role === 'admin' ? (
          <>
            <a href="/tokens">Tokens</a> makes one.
          </>
        ) : (
          'An administrator makes one.'
        )}{' '}
        The first start of the server has written one beside its store.
      </p>
    </>
  )
}
