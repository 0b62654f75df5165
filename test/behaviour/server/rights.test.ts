import { randomUUID } from 'node:crypto'
import t from 'tap'
import { rightOf } from '../../../scripts/rights-page.ts'
import { type CallName, callNames, specOf } from '../../../src/protocol/api.ts'
import { problemType } from '../../../src/protocol/problem.ts'
import { resultOf } from '../../support/messages.ts'
import { serverTest, TestRunner, type TestServer } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

/** The namespace of the tokens, one in which they do not hold, and the one of a call that names none. */
const places = ['own', 'foreign', 'default'] as const
type Place = (typeof places)[number]

const roles = ['admin', 'operator', 'submitter', 'viewer', 'registration', 'runner'] as const
type Role = (typeof roles)[number]

/**
 * The things that exist before the calls: in each namespace a job, an execution, and one that the submitter
 * asked for.
 */
interface Stage {
  tokens: Record<Role | 'operator of all', string>
  executions: Record<Place, string>
  asked: string
  runner: TestRunner
}

async function prepare(server: TestServer): Promise<Stage> {
  const make = async (kind: string, namespaces?: string[]) =>
    (await server.call('POST', '/v1/tokens', { body: { kind, name: kind, namespaces } })).json.token as string
  const runner = await server.runner({ capabilities: [] })
  const tokens = {
    admin: server.token('admin'),
    operator: await make('operator', ['own']),
    submitter: await make('submitter', ['own']),
    viewer: await make('viewer', ['own']),
    registration: server.token('registration'),
    runner: runner.token,
    'operator of all': await make('operator', ['*']),
  }
  const executions = { own: '', foreign: '', default: '' }
  for (const place of places) {
    const body = { image: 'i', runner_group: 'nobody' }
    await server.call('PUT', `/v1/jobs/a?namespace=${place}`, { body })
    executions[place] = (await server.call('POST', `/v1/jobs/a/run?namespace=${place}`)).json.id
  }
  const asked = (await server.call('POST', '/v1/jobs/a/run', { token: tokens.submitter })).json.id
  return { tokens, executions, asked, runner }
}

const scheduledJob = { image: 'i', runner_group: 'nobody', schedule: { cron: '0 0 29 2 *', enabled: false } }

/** A request for each call; a new call has to be added here. Executions are named by `{id}`. */
const requests: Record<CallName, { path?: string; body?: unknown }> = {
  register: { body: 'a registration' },
  commands: { path: '/v1/runners/{runner}/commands' },
  reserve: { path: '/v1/runners/{runner}/reserve', body: { slots: 1, wait_seconds: 0 } },
  confirm: { body: { lease_id: randomUUID() } },
  heartbeat: {
    path: '/v1/runners/{runner}/heartbeat',
    body: { state: 'ready', executions: [], executors: [], free_slots: 0 },
  },
  appendLog: { path: `/v1/executions/{id}/log?offset=0&lease=${randomUUID()}`, body: '' },
  result: { body: 'a result' },
  leave: { path: '/v1/runners/{runner}/leave', body: { reason: 'detached', back_within_seconds: 3600 } },
  putJob: { path: '/v1/jobs/a', body: scheduledJob },
  postJob: { body: { name: 'a', ...scheduledJob } },
  listJobs: {},
  getJob: { path: '/v1/jobs/a' },
  jobStats: { path: '/v1/jobs/a/stats' },
  listJobStats: { path: '/v1/stats/jobs' },
  deleteJob: { path: '/v1/jobs/none' },
  restore: { body: [] },
  runJob: { path: '/v1/jobs/a/run' },
  submit: { body: { image: 'i', runner_group: 'nobody' } },
  listExecutions: {},
  getExecution: {},
  readLog: {},
  logTimes: {},
  abort: {},
  rerun: {},
  busy: {},
  listSchedules: {},
  nextTimes: { path: '/v1/jobs/a/schedule' },
  listMissed: {},
  pauseJob: { path: '/v1/jobs/a/schedule/pause' },
  resumeJob: { path: '/v1/jobs/a/schedule/resume' },
  pauseAll: {},
  resumeAll: {},
  script: { body: { image: 'i', command: ['true'], wait_seconds: 0 } },
  listRunners: {},
  getRunner: { path: '/v1/runners/{runner}' },
  availability: { path: '/v1/runners/{runner}/availability' },
  stats: { path: '/v1/stats' },
  patchRunner: { path: '/v1/runners/{runner}', body: { capacity: 3 } },
  deleteRunner: { path: `/v1/runners/${randomUUID()}` },
  listGroups: {},
  getGroup: { path: '/v1/groups/default' },
  patchGroup: { path: '/v1/groups/default', body: { mode: 'all' } },
  createToken: { body: { kind: 'viewer', name: 'more' } },
  listTokens: {},
  revokeToken: { path: `/v1/tokens/${randomUUID()}` },
  getSettings: {},
  putSettings: { body: { namespaces: {} } },
  listAudit: {},
  listNotifications: {},
  listNotifyTargets: {},
  testNotify: { path: '/v1/notify/none/test' },
  openBrowserSession: { body: {} },
  getBrowserSession: {},
  endBrowserSession: {},
  listBrowserSessions: {},
  revokeBrowserSession: { path: `/v1/browser-sessions/${randomUUID()}` },
  createBrowserCode: {},
  signInWays: {},
  startOidc: {},
  finishOidc: {},
  whoami: {},
  events: {},
  health: {},
  metrics: {},
  openapi: {},
}

/** The refusal of a call, in a word: that of the role, of the namespace, that it is hidden, or none. */
function refusalIn({ status, json }: { status: number; json: { type?: string } | undefined }): string {
  for (const reason of ['bad-token', 'wrong-token-kind', 'wrong-namespace'] as const)
    if (json?.type === problemType(reason)) return reason
  return status === 404 ? 'not-found' : 'none'
}

/** The refusal that the page of rights promises for a call about a place. */
function promised(name: CallName, role: Role, place: Place | 'none', asked: boolean): string {
  const spec = specOf(name)
  const right = rightOf(spec, role)
  if (right === 'no') return 'wrong-token-kind'
  if (right === 'all') return 'wrong-namespace'
  if (right !== 'namespaces' && right !== 'asked for') return 'none'
  if (spec.reach === 'execution')
    return ['foreign', 'default'].includes(place) || (right === 'asked for' && !asked) ? 'not-found' : 'none'
  return place === 'own' || place === 'none' ? 'none' : 'wrong-namespace'
}

serverTest(
  t,
  'each call does for each role, in its namespace, a foreign one and none, what the page of roles says',
  // The runner must stay connected while many calls are made.
  { stores: stores, settings: { lease_seconds: 600, log_limit: 1_000_000 } },
  async (t, server) => {
    const stage = await prepare(server)
    const wrong: string[] = []
    const send = (name: CallName, token: string, id: string, namespace?: string) => {
      const spec = specOf(name)
      const { path = spec.path, body } = requests[name]
      const made =
        body === 'a registration'
          ? TestRunner.message({ name: randomUUID() })
          : body === 'a result'
            ? resultBody
            : body
      const url = path.replace('{id}', id).replace('{runner}', stage.runner.id)
      const query = namespace === undefined ? '' : `${url.includes('?') ? '&' : '?'}namespace=${namespace}`
      const stop = new AbortController()
      const answer = server.open(spec.method, url + query, {
        token,
        session: stage.runner.session,
        ...(made === undefined ? {} : { body: made }),
        signal: stop.signal,
      })
      return { answer, stop }
    }
    const refusalOf = async (...call: Parameters<typeof send>) => {
      const { answer, stop } = send(...call)
      const response = await answer
      const isJson = /json/.test(response.headers.get('content-type') ?? '')
      const json = isJson ? JSON.parse(await response.text()) : undefined
      // A stream is not read to its end.
      stop.abort()
      return refusalIn({ status: response.status, json })
    }
    let cells = 0
    const check = async (name: CallName, role: Role, place: Place | 'none', id: string, asked = false) => {
      const named = ['name', 'list'].includes(specOf(name).reach) && place !== 'none' ? place : undefined
      const expected = promised(name, role, place, asked)
      const found = await refusalOf(name, stage.tokens[role], id, named)
      // The object does not exist, so 404 is not a refusal.
      const hides = specOf(name).reach === 'execution' && specOf(name).access.includes('admin')
      const seen = found === 'not-found' && !hides ? 'none' : found
      cells++
      if (seen !== expected) wrong.push(`${name} by ${role} in ${place}: ${found}, not ${expected}`)
    }
    for (const name of callNames) {
      for (const role of roles) {
        for (const place of places) await check(name, role, place, stage.executions[place])
        await check(name, role, 'none', stage.executions.own)
        if (specOf(name).reach === 'execution') await check(name, role, 'own', stage.asked, true)
      }
      if (specOf(name).reach === 'all' && rightOf(specOf(name), 'operator') === 'all')
        t.equal(
          (await refusalOf(name, stage.tokens['operator of all'], '')).replace('not-found', 'none'),
          'none',
          `${name} by an operator of all namespaces`,
        )
    }
    t.same(wrong, [])
    t.ok(cells > callNames.length * roles.length * 4)
  },
)

const resultBody = resultOf(randomUUID(), new Date(0))

serverTest(
  t,
  'lists hold what the token may see, and two namespaces may have jobs of one name',
  { stores: stores },
  async (t, server) => {
    const { tokens, executions, asked } = await prepare(server)
    const ids = async (path: string, token: string) => {
      const { json } = await server.call('GET', path, { token })
      return (json.items ?? json)
        .map(
          (one: { id?: string; namespace: string; name?: string }) =>
            one.id ?? `${one.namespace}/${one.name}`,
        )
        .toSorted()
    }
    const all = [...Object.values(executions), asked].toSorted()
    t.same(await ids('/v1/executions', tokens.admin), all)
    t.same(await ids('/v1/executions?namespace=foreign', tokens.admin), [executions.foreign])
    t.same(await ids('/v1/executions', tokens.viewer), [executions.own, asked].toSorted())
    t.same(await ids('/v1/executions?state=queued', tokens.operator), [executions.own, asked].toSorted())
    t.same(await ids('/v1/executions', tokens.submitter), [asked])
    t.same(await ids('/v1/executions?state=queued', tokens.submitter), [asked])
    t.same(await ids('/v1/jobs', tokens.admin), ['default/a', 'foreign/a', 'own/a'])
    t.same(await ids('/v1/jobs', tokens.viewer), ['own/a'])
    // A backup of all goes back to where it came from; one of a namespace cannot be put into another by its token.
    const backup = (await server.call('GET', '/v1/jobs')).json
    for (const place of places) await server.call('DELETE', `/v1/jobs/a?namespace=${place}`)
    const refused = await server.call('POST', '/v1/restore', { token: tokens.operator, body: backup })
    t.match(refused.json, {
      type: problemType('wrong-namespace'),
      detail: /^entry 0 \(a\): it is of namespace/,
    })
    t.same((await server.call('POST', '/v1/restore', { body: backup })).json, { restored: 3 })
    t.same(await ids('/v1/jobs', tokens.admin), ['default/a', 'foreign/a', 'own/a'])
    // Concurrency is counted in a namespace.
    const body = { image: 'i', runner_group: 'nobody', concurrency: 'forbid' }
    for (const place of ['own', 'foreign']) {
      await server.call('PUT', `/v1/jobs/once?namespace=${place}`, { body })
      t.equal((await server.call('POST', `/v1/jobs/once/run?namespace=${place}`)).status, 201)
      t.equal((await server.call('POST', `/v1/jobs/once/run?namespace=${place}`)).status, 409)
    }
  },
)
