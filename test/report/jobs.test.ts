import t from 'tap'
import type { Job } from '../../src/protocol/messages/jobs.ts'
import { jobsText } from '../../src/report/jobs.ts'
import { scheduleView as view } from '../support/answers.ts'

const job = (name: string, more: Partial<Job> = {}): Job => ({
  name,
  namespace: 'default',
  image: 'img',
  command: ['make', 'dist'],
  ...more,
})

const none = { scheduled_for: null, due_at: null }

t.test('jobs are listed with their schedules and next times', t => {
  const jobs = [
    job('by-hand', { priority: 5, retries: 2, runner_group: 'gpu' }),
    ...['nightly', 'off', 'once', 'paused', 'sick'].map(name => job(name)),
  ]
  const schedules = [
    view('nightly'),
    view('off', { ...none, enabled: false, text: 'every 5 min' }),
    view('once', { ...none, text: 'at 2026-11-24T18:00:00Z' }),
    view('paused', { paused_at: '2026-11-30T18:00:00.000Z' }),
    view('sick', { ...none, text: '', problem: 'the definition of the job cannot be read' }),
  ]
  t.equal(
    jobsText(jobs, schedules),
    `job      runs       image  group    priority  retries  schedule                  next
by-hand  make dist  img    gpu      5         2
nightly  make dist  img    default  0         0        30 2 * * * Europe/Berlin  Tue 1 Dec 2026 02:30
off      make dist  img    default  0         0        every 5 min               disabled
once     make dist  img    default  0         0        at 2026-11-24T18:00:00Z   never
paused   make dist  img    default  0         0        30 2 * * * Europe/Berlin  paused
sick     make dist  img    default  0         0                                  broken
sick: the definition of the job cannot be read
`,
  )
  t.end()
})

t.test('columns that say nothing are left out', t => {
  t.equal(jobsText([], []), 'no jobs\n')
  t.equal(
    jobsText([job('hello')], []),
    `job    runs       image  group    priority  retries
hello  make dist  img    default  0         0
`,
  )
  // A server of release 0.1.0 names no namespaces.
  const input = { task: { type: 'acme.Deploy', properties: [] } } as unknown as NonNullable<Job['input']>
  const { command: _, namespace: __, ...plugin } = job('deploy', { input })
  t.match(jobsText([plugin], []), /^job .*\ndeploy +acme\.Deploy +img /)
  t.match(
    jobsText([job('hello', { namespace: 'team-a' }), job('hello')], [view('hello')]),
    /^namespace +job .*\nteam-a +hello .* 0\ndefault +hello .* Europe\/Berlin +Tue 1 Dec 2026 02:30\n$/,
  )
  t.end()
})
