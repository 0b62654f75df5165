/* Facts about a thing, as names and values. */
import type { ComponentChildren } from 'preact'

/** Facts by their names: without a value, a fact is left out; an empty text is a value that is not there. */
export function Facts({ of }: { of: Readonly<Record<string, ComponentChildren>> }) {
  return (
    <dl class="facts">
      {Object.entries(of).map(([name, value]) =>
        value === undefined || value === null || value === false ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value === '' ? '–' : value}</dd>
          </div>
        ),
      )}
    </dl>
  )
}
