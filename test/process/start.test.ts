import t from 'tap'
import { startProcess } from '../../src/process/start.ts'
import '../support/reaper.ts'

const exitOf = (script: string) =>
  startProcess({ command: '/bin/sh', args: ['-c', script], env: process.env, output: 'pipe' }).exited

t.test('an end says its status, its signal, or why nothing was started', async t => {
  t.same(await exitOf('exit 7'), { kind: 'exited', code: 7 })
  t.same(await exitOf('kill -USR1 $$'), { kind: 'signalled', signal: 'SIGUSR1' })
  t.same(await startProcess({ command: '/no/such', args: [], env: {}, output: 'pipe' }).exited, {
    kind: 'not-started',
    message: '/no/such: not found',
  })
})

// docs/decisions/2026-11-30-real-time-signals-look-like-status-0.md
t.test('Node.js tells of an end by a real-time signal as of exit status 0', async t => {
  for (const signal of [34, 64]) t.same(await exitOf(`kill -${signal} $$`), { kind: 'exited', code: 0 })
})
