/*
 * The services that all parts of the page share, and the hooks by which they read answers and lists of the
 * server.
 */
import { createContext } from 'preact'
import { useContext, useEffect, useMemo, useState } from 'preact/hooks'
import type { BrowserSession } from '../protocol/messages/browser.ts'
import type { Changes } from './live/changes.ts'
import { type Dependence, Resource, type Shown } from './live/resource.ts'
import type { Topic } from './live/stream.ts'
import type { Notices } from './notices.ts'
import type { Server } from './server.ts'

export interface PageContext {
  server: Server
  changes: Changes
  notices: Notices
  session: BrowserSession
  signOut(): Promise<void>
}

export const Context = createContext<PageContext | undefined>(undefined)

/** The context of a component that is shown to somebody who is signed in. */
export function usePage(): PageContext {
  const page = useContext(Context)
  if (page === undefined) throw new Error('this component is shown outside the page')
  return page
}

/** Makes calls that change something, and says how each went; resolves to whether it succeeded. */
export function useCall() {
  const { server, notices } = usePage()
  return (method: 'POST' | 'PATCH' | 'DELETE', path: string, done: string, body?: object): Promise<boolean> =>
    notices.of(server.json(method, path, { body }), done)
}

/** An answer of the server, which can be read again at once. */
export interface Live<T> extends Shown<T> {
  refresh(): void
}

/** The answer of a GET, kept true while the component is shown; another path is another answer. */
export function useLive<T>(
  path: string,
  topics: readonly Topic[],
  more?: Omit<Dependence, 'topics'>,
): Live<T> {
  const { server, changes } = usePage()
  const resource = useMemo(
    () => new Resource<T>(signal => server.get<T>(path, signal), { topics, ...more }),
    [server, path],
  )
  useEffect(() => resource.follow(changes), [resource])
  return { ...resource.shown.value, refresh: () => resource.hurry() }
}

export interface Part<T> {
  items: T[]
  next: string | null
}

type KeyOf<T> = (item: T) => string | number

export interface List<T> extends Live<readonly T[]> {
  keyOf: KeyOf<T>
  /** Reads the next part; undefined: there is none. */
  more: (() => Promise<boolean>) | undefined
}

/**
 * A list by the path of its call, which has a query. Its first part is kept true; later ones are read when
 * somebody asks for them, and stay as they were read.
 */
export function useList<T>(path: string, keyOf: KeyOf<T>, topics: readonly Topic[], pause?: number): List<T> {
  const { server, notices } = usePage()
  const { data, ...live } = useLive<Part<T>>(path, topics, { pause })
  const [later, setLater] = useState<{ path: string; parts: Part<T>[] }>({ path, parts: [] })
  const parts = later.path === path ? later.parts : []
  const next = parts.length === 0 ? data?.next : parts.at(-1)?.next
  // An item that moves from the first part to a later one is in both for a while.
  const items = data === undefined ? undefined : [...data.items, ...parts.flatMap(part => part.items)]
  const unique = items && [...new Map(items.map(item => [keyOf(item), item])).values()]
  const readMore = async (after: string) => {
    const part = await server.get<Part<T>>(`${path}&after=${encodeURIComponent(after)}`)
    setLater({ path, parts: [...parts, part] })
  }
  const more = next === null || next === undefined ? undefined : () => notices.of(readMore(next))
  return { ...live, data: unique, keyOf, more }
}
