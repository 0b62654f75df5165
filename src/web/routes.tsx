/* Which part of the page an address shows. */
import type { JSX } from 'preact'
import { Route, Router, useLocation } from 'preact-iso/router'
import type { BrowserSession } from '../protocol/messages/browser.ts'
import { usePage } from './context.ts'
import { About } from './pages/about.tsx'
import { Audit } from './pages/audit.tsx'
import { Execution } from './pages/execution.tsx'
import { Executions } from './pages/executions.tsx'
import { Job } from './pages/job.tsx'
import { Jobs } from './pages/jobs.tsx'
import { Notifications } from './pages/notifications.tsx'
import { Overview } from './pages/overview.tsx'
import { RunJob } from './pages/run-job.tsx'
import { Runner } from './pages/runner.tsx'
import { Runners } from './pages/runners.tsx'
import { Schedule } from './pages/schedule.tsx'
import { Tokens } from './pages/tokens.tsx'
import { mayRead } from './session.ts'
import { Empty } from './ui/items.tsx'
import { Onward, Page } from './ui/show.tsx'

interface Part {
  path: string
  title: string
  component: () => JSX.Element
  /** The people who see it; absent: everybody does. */
  isFor?: 'administrators' | 'readers'
}

/** The parts that the menu names, in its order. */
export const menu: readonly Part[] = [
  { path: '/', title: 'Overview', component: Overview },
  { path: '/executions', title: 'Executions', component: Executions },
  { path: '/jobs', title: 'Jobs', component: Jobs },
  { path: '/schedule', title: 'Schedule', component: Schedule, isFor: 'readers' },
  { path: '/runners', title: 'Runners', component: Runners, isFor: 'readers' },
  { path: '/notifications', title: 'Notifications', component: Notifications, isFor: 'readers' },
  { path: '/tokens', title: 'Tokens', component: Tokens, isFor: 'administrators' },
  { path: '/audit', title: 'Audit log', component: Audit, isFor: 'administrators' },
  { path: '/about', title: 'About', component: About },
]

export const isShownTo = (session: BrowserSession, { isFor }: Pick<Part, 'isFor'>): boolean =>
  isFor === undefined || (isFor === 'readers' ? mayRead(session) : session.role === 'admin')

function Forbidden() {
  const { session } = usePage()
  const text = mayRead(session)
    ? 'Only administrators see this part of the page.'
    : 'A token of a submitter sees only the executions that it has asked for.'
  return (
    <Page title="Not for you">
      <Empty text={text} />
    </Page>
  )
}

function NotFound() {
  const { path } = useLocation()
  return (
    <Page title="Not here">
      <Empty text={`The page has no part ${path}.`}>
        <Onward to="/">Go to the overview.</Onward>
      </Empty>
    </Page>
  )
}

/** The part that the address names. */
export function Parts() {
  const { session } = usePage()
  const reads = mayRead(session)
  return (
    <Router>
      {menu.map(part => (
        <Route
          key={part.path}
          path={part.path}
          component={isShownTo(session, part) ? part.component : Forbidden}
        />
      ))}
      <Route path="/jobs/:name" component={reads ? Job : RunJob} />
      <Route path="/runners/:id" component={reads ? Runner : Forbidden} />
      <Route path="/executions/:id" component={Execution} />
      <Route default component={NotFound} />
    </Router>
  )
}
