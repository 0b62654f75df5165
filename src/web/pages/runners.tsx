/* All runners by their groups, and how to attach another one. */
import type { Group } from '../../protocol/messages/groups.ts'
import type { Runner } from '../../protocol/messages/runners.ts'
import { useCall, usePage } from '../context.ts'
import { type List, useList } from '../list.ts'
import { runnerPath } from '../paths.ts'
import { Command } from '../ui/command.tsx'
import { ConfirmButton } from '../ui/confirm.tsx'
import { Empty, Items } from '../ui/items.tsx'
import { StateAndWhy } from '../ui/runner-state.tsx'
import { Time } from '../ui/show.tsx'
import { type Columns, Table } from '../ui/table.tsx'
import { Title } from '../ui/title.tsx'

export function Runners() {
  const runners = useList<Runner>('/v1/runners?limit=500', ({ id }) => id, ['runner', 'group'])
  const groups = useList<Group>('/v1/groups?limit=500', ({ name }) => name, ['runner', 'group'])
  const none = (
    <Empty text="No runner is attached, so jobs wait.">
      <Attach />
    </Empty>
  )
  return (
    <>
      <Title text="Runners" />
      <Items of={runners} empty={none}>
        {all =>
          groupsOf(all, groups).map(({ group, members }) => (
            <GroupSection key={group.name} group={group} members={members} />
          ))
        }
      </Items>
      {runners.data !== undefined && runners.data.length > 0 && (
        <>
          <h2>Attach another runner</h2>
          <Attach />
        </>
      )}
    </>
  )
}

/** The groups that have runners, each with its own; a group that is not read yet has mode `all`. */
function groupsOf(runners: readonly Runner[], { data = [] }: List<Group>) {
  const byGroup = Map.groupBy(runners, ({ runner_group }) => runner_group)
  const known = new Map(data.map(group => [group.name, group]))
  return [...byGroup].map(([name, members]) => {
    const unread: Group = {
      name,
      mode: 'all',
      leader_runner_id: null,
      pinned_runner_id: null,
      runners: members.length,
    }
    return { group: known.get(name) ?? unread, members }
  })
}

function GroupSection({ group, members }: { group: Group; members: Runner[] }) {
  const lives = members.filter(({ deleted }) => !deleted)
  const slots = lives.reduce((sum, { capacity }) => sum + capacity, 0)
  const busy = lives.reduce((sum, { running }) => sum + running.length, 0)
  return (
    <section>
      <div class="title">
        <h2>Group {group.name}</h2>
        <p class="hint">
          {group.mode === 'leader' ? 'Only its leader takes jobs.' : 'Every runner of it takes jobs.'}{' '}
          {lives.length} runners with {slots} slots, {busy} of them busy.
        </p>
        <Mode of={group} />
      </div>
      <Table of={members} keyOf={({ id }) => id} names="Runner" columns={columnsOf(group)} />
    </section>
  )
}

/** Changes whether all runners of a group take jobs, or one. */
function Mode({ of: { name, mode } }: { of: Group }) {
  const call = useCall()
  const path = `/v1/groups/${encodeURIComponent(name)}`
  return mode === 'leader' ? (
    <ConfirmButton
      label="Let all take jobs"
      question={`Every runner of group ${name} will take jobs, as its capacity allows.`}
      does={() => call('PATCH', path, `Every runner of group ${name} takes jobs.`, { mode: 'all' })}
    />
  ) : (
    <ConfirmButton
      label="Let one take jobs"
      question={`One runner of group ${name}, its leader, will take jobs; another one follows when it is gone.`}
      does={() => call('PATCH', path, `One runner of group ${name} takes jobs.`, { mode: 'leader' })}
    />
  )
}

const columnsOf = (group: Group): Columns<Runner> => ({
  Runner: ({ id, name }) => (
    <>
      <a href={runnerPath(id)}>{name}</a>
      {group.leader_runner_id === id && <div class="hint">leader</div>}
      {group.pinned_runner_id === id && <div class="hint">pinned</div>}
    </>
  ),
  State: runner => <StateAndWhy of={runner} />,
  Busy: ({ running, capacity }) => `${running.length} of ${capacity}`,
  Capabilities: ({ capabilities }) => capabilities.join(', ') || '–',
  Version: ({ version }) => version,
  'Last heartbeat': ({ last_heartbeat_at }) => <Time at={last_heartbeat_at} />,
})

/** How to attach a runner to this server. */
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
