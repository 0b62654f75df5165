/* The attempts of a run and their phases, as a chart over time. */
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import { executionPath, runnerPath } from '../paths.ts'
import { State } from '../ui/show.tsx'
import { type Span, spansOf, spanText } from './spans.ts'

export function Attempts({ of, current, now }: { of: ListedExecution[]; current: string; now: number }) {
  const rows = of
    .toSorted((one, other) => one.attempt - other.attempt)
    .map(attempt => ({ attempt, spans: spansOf(attempt, now) }))
  const all = rows.flatMap(({ spans }) => spans)
  const first = Math.min(...all.map(({ from }) => from))
  const length = Math.max(1, Math.max(...all.map(({ to }) => to)) - first)
  return (
    <div class="table">
      <table class="gantt">
        <thead>
          <tr>
            <th scope="col">Attempt</th>
            <th scope="col">State</th>
            <th scope="col">Runner</th>
            <th scope="col" class="wide">
              Phases
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ attempt, spans }) => (
            <tr key={attempt.id}>
              <th scope="row">
                {attempt.id === current ? (
                  <span aria-current="true">{attempt.attempt} (this one)</span>
                ) : (
                  <a href={executionPath(attempt)}>{attempt.attempt}</a>
                )}
              </th>
              <td>
                <State of={attempt.state} />
              </td>
              <td>
                {attempt.runner_id === null ? (
                  (attempt.node_name ?? '–')
                ) : (
                  <a href={runnerPath(attempt.runner_id)}>{attempt.node_name}</a>
                )}
              </td>
              <td>
                <Bar spans={spans} first={first} length={length} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** The phases of one attempt: as bars for a look, and as text. */
function Bar({ spans, first, length }: { spans: Span[]; first: number; length: number }) {
  const share = (time: number) => `${(100 * time) / length}%`
  return (
    <>
      <div class="spans" aria-hidden="true">
        {spans.map(({ phase, from, to }) => (
          <span
            key={phase}
            class={`span ${phase}`}
            style={{ left: share(from - first), width: share(to - from) }}
          />
        ))}
      </div>
      <ul class="phases">
        {spans.map(span => (
          <li key={span.phase}>
            <span class={`swatch ${span.phase}`} aria-hidden="true" /> {spanText(span)}
          </li>
        ))}
      </ul>
    </>
  )
}
