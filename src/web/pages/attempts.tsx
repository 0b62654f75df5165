/* The attempts of a run and their phases, as a chart over time. */
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import { executionPath } from '../paths.ts'
import { Table } from '../ui/items.tsx'
import { RunnerLink } from '../ui/links.tsx'
import { State } from '../ui/show.tsx'
import { type Span, spansOf, spanText } from './spans.ts'

export function Attempts({ of, current, now }: { of: ListedExecution[]; current: string; now: number }) {
  const sorted = of.toSorted((one, other) => one.attempt - other.attempt)
  const spans = new Map(sorted.map(attempt => [attempt, spansOf(attempt, now)]))
  const all = [...spans.values()].flat()
  const first = Math.min(...all.map(({ from }) => from))
  const length = Math.max(1, Math.max(...all.map(({ to }) => to)) - first)
  return (
    <div class="gantt">
      <Table
        of={sorted}
        keyOf={({ id }) => id}
        names="Attempt"
        columns={{
          Attempt: attempt =>
            attempt.id === current ? (
              <span aria-current="true">{attempt.attempt} (this one)</span>
            ) : (
              <a href={executionPath(attempt)}>{attempt.attempt}</a>
            ),
          State: ({ state }) => <State of={state} />,
          Runner: attempt => <RunnerLink of={attempt} />,
          Phases: attempt => <Bar spans={spans.get(attempt) ?? []} first={first} length={length} />,
        }}
      />
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
