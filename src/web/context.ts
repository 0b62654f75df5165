/* What all parts of the page share. */
import { createContext } from 'preact'
import { useContext, useEffect, useMemo } from 'preact/hooks'
import type { BrowserSession } from '../protocol/messages/browser.ts'
import type { Changes } from './live/changes.ts'
import { type Fits, Resource, type Shown } from './live/resource.ts'
import type { Topic } from './live/stream.ts'
import type { Server } from './server.ts'
import type { Notices } from './ui/notices.tsx'

export interface PageContext {
  server: Server
  changes: Changes
  notices: Notices
  session: BrowserSession
  signOut(): Promise<void>
}

export const Context = createContext<PageContext | undefined>(undefined)

/** Of a component that is shown to somebody who is signed in. */
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

/**
 * The answer of a GET, kept true while the component is shown: changes of these topics, as far as they fit, make it old.
 * Another path is another answer.
 */
export function useLive<T>(path: string, topics: readonly Topic[], fits?: Fits): Live<T> {
  const { server, changes } = usePage()
  const resource = useMemo(() => new Resource<T>(signal => server.get<T>(path, signal)), [server, path])
  useEffect(() => resource.follow(changes, topics, fits), [resource])
  return { ...resource.shown.value, refresh: () => resource.refresh() }
}
