/* Tables of things, one line for each. */
import type { ComponentChildren } from 'preact'

/** What a column shows of a thing; `name`: it names the thing, so a screen reader says it with each cell. */
export interface Column<T> {
  title: string
  show: (thing: T) => ComponentChildren
  is?: 'name' | 'number'
}

interface Shown<T> {
  of: readonly T[]
  keyOf: (thing: T) => string | number
  columns: readonly Column<T>[]
}

export function Table<T>({ of, keyOf, columns }: Shown<T>) {
  return (
    <div class="table">
      <table>
        <thead>
          <tr>
            {columns.map(({ title }) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {of.map(thing => (
            <tr key={keyOf(thing)}>
              {columns.map(({ title, show, is }) =>
                is === 'name' ? (
                  <th key={title} scope="row">
                    {show(thing)}
                  </th>
                ) : (
                  <td key={title} class={is}>
                    {show(thing)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
