/*
 * Files that release 0.1.0 has written (test/fixtures/0.1.0/README.md), opened by the program as it is now. The contents
 * of the tasks and all else in them is as that release left it; the tests put in only the places and the boot of today.
 */
import { chmodSync, cpSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readBootId } from '../../src/system/boot-id.ts'
import { Attached } from '../support/attached.ts'
import { fixtures, type Rig, rigTest } from '../support/rig.ts'
import { TestServer } from '../support/server.ts'

const written = join(fixtures, '0.1.0')

/** Replaces texts in the files that fit a pattern below the directory of a test. */
function replaceIn(rig: Rig, pattern: string, pairs: readonly (readonly [string, string])[]): void {
  for (const file of globSync(rig.path(pattern))) {
    let text = readFileSync(file, 'utf8')
    for (const [from, to] of pairs) text = text.replaceAll(from, to)
    writeFileSync(file, text)
  }
}

const bootOfRelease = 'b4bd7a41-13a7-4655-b36b-b2082e605bac'

/** A rig with the chain of release 0.1.0, of whose runs only the first ones are on record. */
function bootOf(rig: Rig, runs: readonly number[]): void {
  cpSync(join(written, 'boot'), rig.dir, { recursive: true })
  for (const run of [1, 2, 3])
    if (!runs.includes(run)) rmSync(rig.path('state', 'runs', String(run)), { recursive: true })
  replaceIn(rig, 'state/runs/*/events.jsonl', [
    ['/srv/boot', rig.dir],
    [bootOfRelease, readBootId()],
  ])
}

void rigTest(t, 'a run that was interrupted is gone on with', {}, async (t, rig) => {
  bootOf(rig, [1, 2])
  const run = rig.start(['run', '--resume', '--json'])
  t.equal(await run.ended, 0, run.transcript)
  const [started] = run.all('run:started')
  t.match(started, { run_id: 3, resumes: { run_id: 2, done: ['10-network'] } })
  t.same(
    run.all('try:started').map(({ task }) => task),
    ['20-mount', '30-serve'],
  )
})

void rigTest(t, 'a run that was killed is gone on with, and its records are read', {}, async (t, rig) => {
  bootOf(rig, [1, 2, 3])
  const run = rig.start(['run', '--resume', '--json'])
  t.equal(await run.ended, 0, run.transcript)
  t.match(run.all('run:started'), [{ run_id: 4, resumes: { run_id: 3 } }])
  const history = rig.start(['history', '--json'])
  t.equal(await history.ended, 0)
  const states = (JSON.parse(history.text) as { state: string }[]).map(({ state }) => state)
  t.same(states, ['succeeded', 'crashed', 'interrupted', 'succeeded'])
  const verified = rig.start(['logs', '1', '--verify'])
  t.equal(await verified.ended, 0, verified.text)
  const log = rig.start(['logs', '2', '20-mount'])
  t.equal(await log.ended, 0)
  t.match(log.text, /mounting\nwarning/)
})

/** The executions of the fleet, by what became of them. */
const executions = {
  before: '01a2285c-faef-7e3f-b233-5ce5f95f6952',
  succeeded: '01a2285c-fc8c-7ecc-953b-6a4f1f3bd863',
  failed: '01a2285c-fc9a-77ab-8b7c-c1b6ee530f57',
  running: '01a2285c-fca5-7c4c-8740-61158140b98a',
}

void rigTest(t, 'a server goes on, and a runner delivers what it has not delivered', {}, async (t, rig) => {
  cpSync(join(written, 'fleet', 'server'), rig.path('state', 'server'), { recursive: true })
  cpSync(join(written, 'fleet', 'runner'), rig.path('state-one', 'remote'), { recursive: true })
  for (const file of ['key', 'admin.token', 'registration.token'])
    chmodSync(rig.path('state', 'server', file), 0o600)
  rig.configure({}, '[server]\nlisten = 127.0.0.1:0\nlease_seconds = 3\n')
  const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
  t.match(await server.execution(executions.before), { state: 'failed', exit_code: 3 })
  // The release knew a runner by the machine that it was made on, and by its server's address.
  const identity = rig.path('state-one', 'remote', 'identity.json')
  const { machine_id: _, ...known } = JSON.parse(readFileSync(identity, 'utf8'))
  writeFileSync(identity, JSON.stringify(known))
  replaceIn(rig, 'state-one/remote/session.json', [['http://127.0.0.1:34443/', `${server.url}/`]])
  const config = rig.file(
    'one.cfg',
    `[runner]\nstate_dir = state-one\n[remote]\nurl = ${server.url}\nname = one\nhealth_listen = 127.0.0.1:0\n[executor]\ndocker_host = unix:///nonexistent/docker.sock\n`,
  )
  const runner = new Attached(rig.start(['-c', config, '-v', 'attach', '--json'], { lasting: true }))
  await runner.event('job:delivered', ({ execution_id }) => execution_id === executions.succeeded)
  await runner.event('job:delivered', ({ execution_id }) => execution_id === executions.failed)
  t.match(await server.execution(executions.succeeded), {
    state: 'succeeded',
    exit_code: 0,
    output: 'began\nwent on\n',
    finished_at: /^2026-11-29T17:31:53/,
  })
  t.match(await server.execution(executions.failed), {
    state: 'failed',
    exit_code: 7,
    output: 'began\nthe password is *************\n',
  })
  const [{ credentials_expire_at }] = (await server.call('GET', '/v1/runners')).json.items
  t.ok(Date.parse(credentials_expire_at) > Date.now(), 'its token of today expires, unless it renews it')
  const spooled = (id: string) => existsSync(rig.path('state-one', 'remote', 'spool', id))
  t.ok(spooled(executions.running), 'of a job whose engine is away nothing is known yet')
  t.equal((await server.execution(executions.running)).state, 'running')
  t.equal(await runner.stop(), 0)
  t.notOk(spooled(executions.succeeded))
  t.notOk(spooled(executions.failed))
  t.equal(await server.stop(), 0)
})
