/* Which part of the page an address shows. */
import { Route, Router } from 'preact-iso/router'
import { usePage } from './context.ts'
import { About } from './pages/about.tsx'
import { Audit } from './pages/audit.tsx'
import { Execution } from './pages/execution.tsx'
import { Executions } from './pages/executions.tsx'
import { Job } from './pages/job.tsx'
import { Jobs } from './pages/jobs.tsx'
import { NotFound } from './pages/not-found.tsx'
import { Notifications } from './pages/notifications.tsx'
import { Overview } from './pages/overview.tsx'
import { Runner } from './pages/runner.tsx'
import { Runners } from './pages/runners.tsx'
import { Schedule } from './pages/schedule.tsx'
import { Tokens } from './pages/tokens.tsx'
import { Empty } from './ui/items.tsx'
import { Title } from './ui/title.tsx'

/** The parts that the menu names, in its order. */
export const menu = [
  { path: '/', title: 'Overview', component: Overview },
  { path: '/executions', title: 'Executions', component: Executions },
  { path: '/jobs', title: 'Jobs', component: Jobs },
  { path: '/schedule', title: 'Schedule', component: Schedule },
  { path: '/runners', title: 'Runners', component: Runners },
  { path: '/notifications', title: 'Notifications', component: Notifications },
  { path: '/tokens', title: 'Tokens', component: Tokens, isForAdmins: true },
  { path: '/audit', title: 'Audit log', component: Audit, isForAdmins: true },
  { path: '/about', title: 'About', component: About },
]

function Forbidden() {
  return (
    <>
      <Title text="Not for you" />
      <Empty text="Only administrators see this part of the page." />
    </>
  )
}

/** The part that the address names. */
export function Parts() {
  const isAdmin = usePage().session.role === 'admin'
  return (
    <Router>
      {menu.map(({ path, component, isForAdmins = false }) => (
        <Route key={path} path={path} component={isForAdmins && !isAdmin ? Forbidden : component} />
      ))}
      <Route path="/jobs/:name" component={Job} />
      <Route path="/runners/:id" component={Runner} />
      <Route path="/executions/:id" component={Execution} />
      <Route default component={NotFound} />
    </Router>
  )
}
