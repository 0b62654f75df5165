/* Lists of things, with what to say where there is none, and what comes after their first part. */
import type { ComponentChildren } from 'preact'
import type { List } from '../list.ts'
import { Button } from './form.tsx'
import { Loaded } from './show.tsx'
import { Table, type TableOf } from './table.tsx'

interface Shown<T> {
  of: List<T>
  /** Shown where the list has no item: a few words, or `Empty`. */
  empty: ComponentChildren
  /** Where the whole list is shown; where there is no such place, its next part is shown here. */
  all?: string
}

export function Items<T>({
  of,
  empty,
  all,
  children,
}: Shown<T> & { children: (items: readonly T[]) => ComponentChildren }) {
  const { more } = of
  return (
    <>
      <Loaded of={of}>
        {items =>
          items.length > 0 ? children(items) : typeof empty === 'string' ? <p class="hint">{empty}</p> : empty
        }
      </Loaded>
      {more !== undefined && all === undefined && <Button does={more}>Show more</Button>}
      {more !== undefined && all !== undefined && (
        <p>
          <a href={all}>Show all of them</a>
        </p>
      )}
    </>
  )
}

/** A list as a table. */
export function ItemTable<T>({ columns, names, ...list }: Shown<T> & TableOf<T>) {
  return (
    <Items {...list}>
      {items => <Table of={items} keyOf={list.of.keyOf} columns={columns} names={names} />}
    </Items>
  )
}

/** A list as rows. */
export function ItemRows<T>({ row, ...list }: Shown<T> & { row: (item: T) => ComponentChildren }) {
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

/** Says that there is nothing, and what to do about it. */
export function Empty({
  text,
  command,
  does,
  children,
}: {
  text: string
  command?: string
  does?: string
  children?: ComponentChildren
}) {
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
