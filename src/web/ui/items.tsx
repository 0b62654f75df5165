/* Lists and tables of things, with what to say where there is none, and what comes after their first part. */
import type { ComponentChildren } from 'preact'
import type { List } from '../context.ts'
import { Button } from './form.tsx'
import { Loaded, Onward } from './show.tsx'

/** The columns by their titles, each with a function that shows the column's part of a thing. */
export type Columns<T> = Readonly<Record<string, (thing: T) => ComponentChildren>>

interface TableOf<T> {
  columns: Columns<T>
  /** The title of the column that names the thing, where one does: a screen reader says it with each cell. */
  names?: string | undefined
}

interface Things<T> {
  of: readonly T[]
  keyOf: (thing: T) => string | number
}

export function Table<T>({ of, keyOf, columns, names }: Things<T> & TableOf<T>) {
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
              {Object.entries(columns).map(([title, show]) => {
                const Cell = title === names ? 'th' : 'td'
                return (
                  <Cell key={title} data-title={title}>
                    {show(thing)}
                  </Cell>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

interface Listed<T> {
  of: List<T>
  /** Shown where the list has no item: a few words, or `Empty`. */
  empty: ComponentChildren
  /** The address of the whole list; without one, the next part of the list is shown here. */
  all?: string
}

interface Shown<T> extends Listed<T> {
  children: (items: readonly T[]) => ComponentChildren
}

export function Items<T>({ of, empty, all, children }: Shown<T>) {
  const { more } = of
  return (
    <>
      <Loaded of={of}>
        {items =>
          items.length > 0 ? children(items) : typeof empty === 'string' ? <p class="hint">{empty}</p> : empty
        }
      </Loaded>
      {more !== undefined && all === undefined && <Button does={more}>Show more</Button>}
      {more !== undefined && all !== undefined && <Onward to={all}>Show all of them</Onward>}
    </>
  )
}

/** A list as a table. */
export function ItemTable<T>({ columns, names, ...list }: Listed<T> & TableOf<T>) {
  return (
    <Items {...list}>
      {items => <Table of={items} keyOf={list.of.keyOf} columns={columns} names={names} />}
    </Items>
  )
}

/** A list as rows. */
export function ItemRows<T>({ row, ...list }: Listed<T> & { row: (item: T) => ComponentChildren }) {
  return (
    <Items {...list}>
      {items => (
        <ul class="rows">
          {items.map(item => (
            <li key={list.of.keyOf(item)}>{row(item)}</li>
          ))}
        </ul>
      )}
    </Items>
  )
}

interface Around {
  of: ComponentChildren
  beside?: ComponentChildren
  children?: ComponentChildren
}

/** The content of a row: its subject, the part at its right, and the part below. */
export function Row({ of, beside, children }: Around) {
  return (
    <>
      <div class="title">
        <span>{of}</span>
        <span class="hint">{beside}</span>
      </div>
      {children}
    </>
  )
}

interface Advice {
  text: string
  command?: string
  /** The effect of the command. */
  does?: string
  children?: ComponentChildren
}

/** Says that there is nothing, and what to do about it. */
export function Empty({ text, command, does, children }: Advice) {
  return (
    <div class="empty">
      <p>{text}</p>
      {command !== undefined && (
        <p>
          <code>{command}</code> {does}
        </p>
      )}
      {children}
    </div>
  )
}
