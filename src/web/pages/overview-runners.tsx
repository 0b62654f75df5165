/* The runners as a strip, by their groups. */
import type { Runner } from '../../protocol/messages/runners.ts'
import { useList } from '../context.ts'
import { runnerPath } from '../paths.ts'
import { Empty, Items } from '../ui/items.tsx'
import { RunnerState, stateWords } from '../ui/runner-state.tsx'
import { Onward, Section } from '../ui/show.tsx'

export function RunnersNow() {
  const runners = useList<Runner>('/v1/runners?limit=500', ({ id }) => id, ['runner', 'group'])
  const lives = runners.data?.filter(({ deleted }) => !deleted)
  const none = (
    <Empty text="No runner is attached, so jobs wait.">
      <Onward to="/runners">See how to attach one.</Onward>
    </Empty>
  )
  return (
    <Section title="Runners">
      <Items of={{ ...runners, data: lives }} empty={none} all="/runners">
        {all => (
          <dl class="groups">
            {[...Map.groupBy(all, ({ runner_group }) => runner_group)].map(([group, members]) => (
              <div key={group}>
                <dt class="hint">Group {group}</dt>
                {members.map(runner => (
                  <dd key={runner.id}>
                    <a href={runnerPath(runner.id)} title={stateWords(runner).join('; ')}>
                      {runner.name} <RunnerState of={runner} />{' '}
                      <span class="hint number">
                        {runner.running.length} of {runner.capacity}
                      </span>
                    </a>
                  </dd>
                ))}
              </div>
            ))}
          </dl>
        )}
      </Items>
    </Section>
  )
}
