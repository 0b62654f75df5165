/* A store that release 0.1.0 has written (test/fixtures/0.1.0/store): this program reads it, and goes on with it. */
import { hash } from 'node:crypto'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import pg from 'pg'
import t, { type Test } from 'tap'
import { problemType } from '../../../src/protocol/problem.ts'
import { unseal } from '../../../src/protocol/seal.ts'
import { endStates } from '../../../src/protocol/states.ts'
import { say } from '../../support/operator.ts'
import { fixtures, type Rig } from '../../support/rig.ts'
import { databaseOf } from '../../support/sealed.ts'
import { type StoreKind, serverTest, TestRunner, type TestServer } from '../../support/server.ts'
import { postgres } from '../../support/stores.ts'
import { isFull } from '../../support/tier.ts'

const written = join(fixtures, '0.1.0', 'store')
const unpacked = (...names: string[]) => gunzipSync(readFileSync(join(written, ...names)))

/** The data directory of a server of 0.1.0, without its database. */
function copyFiles(rig: Rig, engine: string): void {
  const to = rig.path('state', 'server')
  mkdirSync(to, { recursive: true, mode: 0o700 })
  for (const name of ['key', 'admin.token', 'registration.token']) {
    cpSync(join(written, engine, name), join(to, name))
    chmodSync(join(to, name), 0o600)
  }
}

const sqlite: StoreKind = {
  name: 'SQLite of 0.1.0',
  needs: [],
  async open(rig) {
    copyFiles(rig, 'sqlite')
    cpSync(join(written, 'sqlite', 'logs'), rig.path('state', 'server', 'logs'), { recursive: true })
    writeFileSync(rig.path('state', 'server', 'server.db'), unpacked('sqlite', 'server.db.gz'))
    return { keys: {}, close: async () => {} }
  },
}

const restored: StoreKind = {
  name: 'a backup of 0.1.0',
  needs: [],
  async open(rig) {
    writeFileSync(rig.path('backup'), unpacked('sqlite', 'backup.gz'))
    const run = rig.start(['server', 'restore', rig.path('backup')])
    if ((await run.ended) !== 0) throw new Error(run.text)
    return { keys: {}, close: async () => {} }
  },
}

const postgresOfRelease: StoreKind = {
  name: 'PostgreSQL of 0.1.0',
  needs: postgres.needs,
  async open(rig) {
    const place = await postgres.open(rig)
    copyFiles(rig, 'postgres')
    const client = new pg.Client(place.keys.database)
    await client.connect()
    await client.query(readFileSync(join(written, 'postgres', 'store.sql'), 'utf8'))
    await client.end()
    return place
  },
}

const moved: StoreKind = {
  name: 'SQLite of 0.1.0, moved to PostgreSQL',
  needs: postgres.needs,
  async open(rig) {
    await sqlite.open(rig)
    const place = await postgres.open(rig)
    const run = rig.start(['server', 'move', '--to', place.keys.database!])
    if ((await run.ended) !== 0) throw new Error(run.text)
    return place
  },
}

type Rows = Record<string, string>[]
interface Answers {
  executions: Rows
  jobs: Rows
  runners: Rows
  groups: Rows
  tokens: Rows
  /** Texts by the id of the execution. */
  logs: Record<string, string>
}
interface RunnerOfRelease {
  id: string
  session: number
  token: string
  data_key: string
}
interface Recorded {
  runners: Record<'one' | 'lame' | 'first' | 'second', RunnerOfRelease> & { leader: string }
  tokens: Record<'viewer' | 'brief' | 'expired', string>
  executions: Record<string, string>
  leases: Record<string, string>
  idempotency_key: string
  answers: Answers
}

/** The ids, tokens and answers of the server that has written the store. */
function recorded(engine: string): Recorded {
  return JSON.parse(readFileSync(join(written, engine, 'answers.json'), 'utf8'))
}

const ended: readonly (string | undefined)[] = endStates
const settings = { lease_seconds: 30, confirm_within_seconds: 30, log_limit: '4K', retention_days: 0 }

serverTest(
  t,
  'a store of 0.1.0 says what it said then, and goes on',
  { settings, stores: isFull ? [postgresOfRelease, moved] : [sqlite, restored] },
  async (t, server) => {
    const engine = existsSync(server.rig.path('state', 'server', 'server.db')) ? 'sqlite' : 'postgres'
    const { runners, tokens, executions, leases, idempotency_key, answers } = recorded(engine)
    await saysTheSame(t, server, answers)
    t.equal((await server.call('GET', '/v1/jobs', { token: tokens.viewer })).status, 200)
    t.equal((await server.call('GET', '/v1/jobs', { token: tokens.brief })).status, 200)
    t.equal((await server.call('GET', '/v1/jobs', { token: tokens.expired })).status, 401)
    const again = { headers: { 'idempotency-key': idempotency_key } }
    t.match((await server.call('POST', '/v1/jobs/backup/run', again)).json, { id: executions.succeeded })

    // Runners go on with the sessions they had, and with all that they held.
    const runnerOf = ({ id, session, token, data_key }: RunnerOfRelease) =>
      new TestRunner(server, { runner_id: id, session }, { token, data_key })
    const one = runnerOf(runners.one)
    const held = [executions.running, executions.aborting]
    const beat = (await one.heartbeat({ executions: held })).json
    t.same(Object.keys(beat.leases).sort(), held.toSorted())
    t.match(beat, { abort: [executions.aborting], gone: [], unknown: [] })
    const of = (name: string) => ({ execution_id: executions[name]!, lease_id: leases[name]! })
    const text = 'begun\ndone\n'
    t.equal((await one.log(of('running'), 6, 'done\n')).status, 200)
    const whole = { log_length: text.length, log_sha256: hash('sha256', text) }
    t.equal((await one.result(of('running'), whole)).status, 204)
    const aborted = { outcome: 'aborted', exit_code: null }
    t.equal((await one.result(of('aborting'), aborted)).status, 204)
    const leader = runnerOf(runners.leader === runners.first.id ? runners.first : runners.second)
    await leader.heartbeat({ executions: [] })
    t.equal((await leader.confirm(of('reserved'))).status, 204)
    t.equal((await leader.result(of('reserved'), { outcome: 'failed', exit_code: 1 })).status, 204)
    const half = { log_length: 7, log_sha256: hash('sha256', 'half of') }
    t.equal((await runnerOf(runners.lame).result(of('lost'), half)).status, 204)

    // No new runner gets the name of one that is there.
    const body = { kind: 'registration', name: 'new' }
    const { token } = (await server.call('POST', '/v1/tokens', { body })).json
    const { name } = answers.runners.find(({ id }) => id === one.id)!
    const twin = { token, body: TestRunner.message({ name }) }
    t.equal((await server.call('POST', '/v1/runners/register', twin)).json.type, problemType('name-taken'))

    // Queued executions are handed out in their order, with their secrets.
    const first = await one.begin()
    t.match(first, { execution_id: executions.queued, job_name: 'backup', domain: undefined })
    const secrets = unseal(first.secret_values!, one.dataKey)
    t.ok(secrets.ok)
    if (secrets.ok) t.match(JSON.parse(secrets.value.toString()).env, { TOKEN: 'open sesame' })
    t.equal((await one.result(first)).status, 204)
    t.match(await one.begin(), { execution_id: executions.waiting })
    const fresh = await server.call('POST', '/v1/jobs/backup/run')
    const last = await one.begin()
    t.match(last, { execution_id: fresh.json.id, job_name: 'backup' })

    const states = async () => {
      const found: Record<string, string> = {}
      for (const [name, id] of Object.entries(executions)) found[name] = (await server.execution(id)).state
      return found
    }
    const expected = {
      succeeded: 'succeeded',
      failed: 'failed',
      aborted: 'aborted',
      retried: 'lost',
      lost: 'succeeded',
      running: 'succeeded',
      aborting: 'aborted',
      reserved: 'failed',
      queued: 'succeeded',
      waiting: 'running',
      odd: 'queued',
    }
    t.match(await states(), expected)
    await server.stop()
    if (databaseOf(server.rig).startsWith('sqlite:')) await backUpAndRestore(t, server)
    await server.restart()
    t.match(await states(), expected)
    t.equal((await server.call('GET', `/v1/executions/${executions.running}/log`)).text, text)
    t.equal((await one.result(last)).status, 204)
    await schedules(t, server, one)
  },
)

/** Lets a job of 0.1.0 run by itself, one run after the other. */
async function schedules(t: Test, server: TestServer, runner: TestRunner): Promise<void> {
  const { json } = await server.call('GET', '/v1/jobs/backup')
  const body = { ...json, schedule: { every: { seconds: 1 } }, concurrency: 'queue', priority: 9 }
  t.match(await server.call('PUT', '/v1/jobs/backup', { body }), { status: 200 })
  const times: string[] = []
  for (let run = 0; run < 2; run++) {
    const begun = await runner.begin()
    const { scheduled_for, job_name } = await server.execution(begun.execution_id)
    t.equal(job_name, 'backup')
    times.push(scheduled_for!)
    t.equal((await runner.result(begun)).status, 204)
  }
  t.ok(times[0]! < times[1]!, times.join())
  t.match((await server.call('GET', '/v1/schedules')).json.items, [{ job: 'backup', text: 'every 1 s' }])
}

/** The warnings of doctor about tokens, as whoever may read the server's own token gets them. */
async function tokenWarnings({ rig, url }: TestServer): Promise<string[]> {
  const file = rig.path('runner.cfg')
  writeFileSync(file, readFileSync(file, 'utf8').replace('127.0.0.1:0', new URL(url).host))
  const run = rig.start(['doctor', '--json'])
  await run.ended
  const { checks } = JSON.parse(Buffer.concat(run.out).toString()) as { checks: Record<string, string>[] }
  return checks.flatMap(({ check, result, message }) =>
    ['tokens', 'registration token'].includes(check!) && result === 'warning' ? [message!] : [],
  )
}

/** Does what a warning says. The administrator's own token is replaced where commands look for it. */
async function follow(t: Test, server: TestServer, warning: string): Promise<void> {
  const commands = [...warning.matchAll(/`runner (token [^`]*)`/g)].map(([, command]) => command!)
  t.ok(commands.length >= 2, warning)
  for (const command of commands) {
    const own = command.includes("create admin 'made at the start of the server'")
    const FILE = own ? server.rig.path('state', 'server', 'admin.token') : server.rig.path('new.token')
    const words: Record<string, string> = {
      FILE,
      NAMESPACE: 'default',
      NAME: 'ci',
      GROUP: 'default',
      PATTERN: '*',
    }
    const args = command.match(/'[^']*'|\S+/g)!.map(word => words[word] ?? word.replaceAll("'", ''))
    const { status, err } = await say(server, args)
    t.equal(status, 0, `${command}: ${err}`)
  }
}

serverTest(
  t,
  'tokens of 0.1.0 may do what they did, and doctor says how to narrow each',
  { settings, stores: [sqlite] },
  async (t, server) => {
    const { tokens, answers } = recorded('sqlite')
    const there = { body: { image: 'img' }, token: tokens.brief }
    const made = await server.call('POST', '/v1/executions?namespace=team-b', there)
    t.equal(made.status, 201, 'an administrator acts in every namespace')
    const seen = await server.call('GET', `/v1/executions/${made.json.id}`, { token: tokens.viewer })
    t.equal(seen.status, 200, 'a viewer sees every namespace')

    const warnings = await tokenWarnings(server)
    const about = (text: RegExp) => warnings.filter(warning => text.test(warning))
    t.equal(warnings.length, 5)
    const valid = answers.tokens.filter(({ name }) => name !== 'gone')
    for (const { id } of valid) t.equal(about(new RegExp(id!)).length, 1)
    t.equal(about(/^the token brief may do everything, and is of release 0\.1\.0, .*CI/).length, 1)
    t.equal(about(/^the token screen of release 0\.1\.0 sees all namespaces/).length, 1)
    t.equal(about(/^the registration token .* any name, group and capability, does not expire/).length, 1)
    t.match(about(/^the tokens of these runners do not expire/), [
      /: one, lame, first, second; .*restart `runner attach`/,
    ])

    for (const name of ['one', 'lame', 'first', 'second'])
      t.match(await say(server, ['runners', 'delete', name]), { status: 0 })
    for (const warning of warnings.slice(0, 4)) await follow(t, server, warning)
    t.same(await tokenWarnings(server), [])
    for (const token of [tokens.viewer, tokens.brief])
      t.equal((await server.call('GET', '/v1/jobs', { token })).status, 401)
  },
)

/** Holds the answers of this program against those of 0.1.0: all of what has ended, and of the rest what time leaves. */
async function saysTheSame(t: Test, server: TestServer, { logs, ...lists }: Answers): Promise<void> {
  const get = async (path: string) => {
    const { json } = await server.call('GET', path)
    return json.items ?? json
  }
  t.equal((await get('/v1/executions?limit=100')).length, lists.executions.length)
  for (const { state, waiting_because, ...rest } of lists.executions)
    t.match(
      await server.execution(rest.id!),
      { ...rest, ...(ended.includes(state) && { state }) },
      `${state} execution`,
    )
  const present = ['runners', 'groups', 'tokens', 'jobs'] as const
  for (const kind of present) {
    const found = await get(`/v1/${kind}`)
    t.equal(found.length, lists[kind].length)
    for (const [index, row] of lists[kind].entries()) t.match(found[index], lasting(kind, row), kind)
  }
  for (const [id, text] of Object.entries(logs))
    t.equal((await server.call('GET', `/v1/executions/${id}/log`)).text, text)
}

/** The fields that neither time nor a seal of the same secret changes. */
function lasting(kind: string, row: Record<string, unknown>): Record<string, unknown> {
  const passing: Record<string, string[]> = {
    runners: ['state', 'last_heartbeat_at', 'role'],
    groups: ['leader_runner_id'],
    tokens: ['last_used_at'],
    jobs: ['input', 'secret_env'],
  }
  return Object.fromEntries(Object.entries(row).filter(([name]) => !passing[kind]!.includes(name)))
}

/** Copies the store into a backup, and puts that in the place of the store. */
async function backUpAndRestore(t: Test, { rig }: TestServer): Promise<void> {
  const file = rig.path('another backup')
  const backup = rig.start(['server', 'backup', file])
  t.equal(await backup.ended, 0, backup.text)
  rmSync(rig.path('state', 'server'), { recursive: true })
  const restore = rig.start(['server', 'restore', file])
  t.equal(await restore.ended, 0, restore.text)
}

// A test on a server has set less.
t.setTimeout(1_200_000)
