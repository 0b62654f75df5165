/* The runners as a strip, by their groups. */
import type { Runner } from '../../protocol/messages/runners.ts'
import { useLive } from '../context.ts'
import type { Part } from '../list.ts'
import { RunnerState, stateWords } from '../ui/runner-state.tsx'
import { Empty, Loaded } from '../ui/show.tsx'

export function Runners() {
  const runners = useLive<Part<Runner>>('/v1/runners?limit=500', { topics: ['runner', 'group'] })
  return (
    <section>
      <h2>Runners</h2>
      <Loaded of={runners}>
        {({ items, next }) => {
          const lives = items.filter(({ deleted }) => !deleted)
          return lives.length === 0 ? (
            <Empty>
              <p>No runner is attached, so jobs wait.</p>
              <p>
                <a href="/runners">See how to attach one.</a>
              </p>
            </Empty>
          ) : (
            <>
              <dl class="groups">
                {[...Map.groupBy(lives, ({ runner_group }) => runner_group)].map(([group, members]) => (
                  <div key={group}>
                    <dt class="hint">Group {group}</dt>
                    {members.map(runner => (
                      <dd key={runner.id}>
                        <a href={`/runners/${runner.id}`} title={stateWords(runner).join('; ')}>
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
              {next !== null && (
                <p>
                  <a href="/runners">Show all runners</a>
                </p>
              )}
            </>
          )
        }}
      </Loaded>
    </section>
  )
}
