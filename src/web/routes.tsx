/* Which part of the page an address shows. */
import { Route } from 'preact-iso/router'
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

/** The parts that the menu names, in its order; `admin`: nobody else may see what it shows. */
export const menu = [
  { path: '/', title: 'Overview' },
  { path: '/executions', title: 'Executions' },
  { path: '/jobs', title: 'Jobs' },
  { path: '/schedule', title: 'Schedule' },
  { path: '/runners', title: 'Runners' },
  { path: '/notifications', title: 'Notifications' },
  { path: '/tokens', title: 'Tokens', admin: true },
  { path: '/audit', title: 'Audit log', admin: true },
  { path: '/about', title: 'About' },
] as const

export const routes = () => [
  <Route path="/" component={Overview} />,
  <Route path="/executions" component={Executions} />,
  <Route path="/jobs" component={Jobs} />,
  <Route path="/jobs/:name" component={Job} />,
  <Route path="/schedule" component={Schedule} />,
  <Route path="/runners" component={Runners} />,
  <Route path="/runners/:id" component={Runner} />,
  <Route path="/notifications" component={Notifications} />,
  <Route path="/tokens" component={Tokens} />,
  <Route path="/audit" component={Audit} />,
  <Route path="/about" component={About} />,
  <Route path="/executions/:id" component={Execution} />,
  <Route default component={NotFound} />,
]
