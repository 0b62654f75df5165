/* All runners by their groups, and how to attach another one. */
import type { Group } from '../../protocol/messages/groups.ts'
import type { Runner } from '../../protocol/messages/runners.ts'
import { usePage } from '../context.ts'
import { type List, useList } from '../list.ts'
import { mayOperate } from '../session.ts'
import { Command, ConfirmButton, More } from '../ui/confirm.tsx'
import { StateAndWhy } from '../ui/runner-state.tsx'
import { Empty, Loaded, Time } from '../ui/show.tsx'
import { Table } from '../ui/table.tsx'
import { Title } from '../ui/title.tsx'

export function Runners() {
  const runners = useList<Runner>('/v1/runners?limit=500', ({ id }) => id, { topics: ['runner', 'group'] })
  const groups = useList<Group>('/v1/groups?limit=500', ({ name }) => name, { topics: ['runner', 'group'] })
  return (
    <>
      <Title text="Runners" />
      <Loaded of={runners}>
        {all =>
          all.length === 0 ? (
            <Empty>
              <p>No runner is attached, so jobs wait.</p>
              <Attach />
            </Empty>
          ) : (
            <>
              {groupsOf(all, groups).map(({ group, members }) => (
                <GroupSection key={group.name} group={group} members={members} />
              ))}
              <More more={runners.more} />
              <h2>Attach another runner</h2>
              <Attach />
            </>
          )
        }
      </Loaded>
    </>
  )
}

/** The groups that have runners, each with its own; a group that is not read yet has mode `all`. */
function groupsOf(runners: readonly Runner[], { data = [] }: List<Group>) {
  const byGroup = Map.groupBy(runners, ({ runner_group }) => runner_group)
  const known = new Map(data.map(group => [group.name, group]))
  return [...byGroup].map(([name, members]) => {
    const unread: Group = {
      ...{ name, mode: 'all', leader_runner_id: null, pinned_runner_id: null, runners: members.length },
    }
    return { group: known.get(name) ?? unread, members }
  })
}

function GroupSection({ group, members }: { group: Group; members: Runner[] }) {
  const { server, notices, session } = usePage()
  const path = `/v1/groups/${encodeURIComponent(group.name)}`
  const isLed = group.mode === 'leader'
  const setMode = () =>
    notices.of(
      server.json('PATCH', path, { body: { mode: isLed ? 'all' : 'leader' } }),
      isLed
        ? `Every runner of group ${group.name} takes jobs.`
        : `One runner of group ${group.name} takes jobs.`,
    )
  const lives = members.filter(({ deleted }) => !deleted)
  return (
    <section>
      <div class="title">
        <h2>Group {group.name}</h2>
        <p class="hint">
          {isLed ? 'Only its leader takes jobs.' : 'Every runner of it takes jobs.'} {lives.length} runners
          with {lives.reduce((sum, { capacity }) => sum + capacity, 0)} slots,{' '}
          {lives.reduce((sum, { running }) => sum + running.length, 0)} of them busy.
        </p>
        {mayOperate(session) && (
          <ConfirmButton
            label={isLed ? 'Let all take jobs' : 'Let one take jobs'}
            question={
              isLed
                ? `Every runner of group ${group.name} will take jobs, as its capacity allows.`
                : `One runner of group ${group.name}, its leader, will take jobs; another one follows when it is gone.`
            }
            onConfirm={setMode}
          />
        )}
      </div>
      <Table
        of={members}
        keyOf={({ id }) => id}
        columns={[
          {
            title: 'Runner',
            is: 'name',
            show: ({ id, name }) => (
              <>
                <a href={`/runners/${id}`}>{name}</a>
                {group.leader_runner_id === id && <div class="hint">leader</div>}
                {group.pinned_runner_id === id && <div class="hint">pinned</div>}
              </>
            ),
          },
          { title: 'State', show: runner => <StateAndWhy of={runner} /> },
          {
            title: 'Busy',
            is: 'number',
            show: ({ running, capacity }) => `${running.length} of ${capacity}`,
          },
          { title: 'Capabilities', show: ({ capabilities }) => capabilities.join(', ') || '–' },
          { title: 'Version', show: ({ version }) => version },
          { title: 'Last heartbeat', show: ({ last_heartbeat_at }) => <Time at={last_heartbeat_at} /> },
        ]}
      />
    </section>
  )
}

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
