/* What all parts of the page share. */
import { createContext } from 'preact'
import { useContext, useEffect, useMemo } from 'preact/hooks'
import type { BrowserSession } from '../protocol/messages/browser.ts'
import type { Changes } from './live/changes.ts'
import { type Dependence, type Resource, resourceOf, type Shown } from './live/resource.ts'
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

/** The answer of a GET, kept true while the component is shown; another path is another answer. */
export function useLive<T>(path: string, dependence: Dependence): Shown<T> & { refresh(): void } {
  const { server, changes } = usePage()
  const resource: Resource<T> = useMemo(() => resourceOf<T>(server, path), [server, path])
  useEffect(() => resource.follow(changes, dependence), [resource])
  return { ...resource.shown.value, refresh: () => resource.refresh() }
}
