/* Tables of things, one line for each. */
import type { ComponentChildren } from 'preact'

/** What each column, by its title, shows of a thing. */
export type Columns<T> = Readonly<Record<string, (thing: T) => ComponentChildren>>

export interface TableOf<T> {
  columns: Columns<T>
  /** The title of the column that names the thing, where one does: a screen reader says it with each cell. */
  names?: string | undefined
}

interface Shown<T> extends TableOf<T> {
  of: readonly T[]
  keyOf: (thing: T) => string | number
}

export function Table<T>({ of, keyOf, columns, names }: Shown<T>) {
  return (
    <div class="table">
      <table>
        <thead>
          <tr>
            {Object.keys(columns).map(title => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {of.map(thing => (
            <tr key={keyOf(thing)}>
              {Object.entries(columns).map(([title, show]) =>
                title === names ? (
                  <th key={title} scope="row">
                    {show(thing)}
                  </th>
                ) : (
                  <td key={title}>{show(thing)}</td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
