import { mkdirSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { callNames, specOf } from '../../../src/protocol/api.ts'
import type { AuditEntry } from '../../../src/protocol/messages/audit.ts'
import { auditOf } from '../../support/audit.ts'
import { SignedIn } from '../../support/browser-session.ts'
import { json, say } from '../../support/operator.ts'
import { serverTest, type TestServer } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

const make = async (server: TestServer, body: Record<string, unknown>) =>
  (await server.call('POST', '/v1/tokens', { body })).json as { id: string; token: string }

const lasting = [
  'call',
  'object',
  'namespace',
  'status',
  'token_name',
  'before',
  'after',
  'count',
  'reason',
] as const

/** The fields of an entry that are the same in each run of a test. */
const facts = (entry: AuditEntry) => Object.fromEntries(lasting.map(field => [field, entry[field]]))

/** The changing calls of people, and registrations. */
const audited = callNames.filter(name => {
  const { method, access } = specOf(name)
  return method !== 'GET' && access.some(kind => kind !== 'runner')
})

serverTest(
  t,
  'each changing call leaves an entry that says what it has changed',
  { stores, config: () => '[notify.ops]\nurl = http://127.0.0.1:1/\n' },
  async (t, server) => {
    const operator = await make(server, { kind: 'operator', name: 'team', namespaces: ['team'] })
    const submitter = await make(server, { kind: 'submitter', name: 'ci', namespaces: ['team'] })
    const asked = (token: string, body?: unknown) => ({ token, ...(body === undefined ? {} : { body }) })
    const job = (image: string) => ({ image, secret_env: { PASSWORD: 'hush-hush' }, env: { MODE: 'loud' } })
    await server.call('PUT', '/v1/jobs/a', asked(operator.token, job('one')))
    await server.call('PUT', '/v1/jobs/a', asked(operator.token, job('two')))
    await server.call('POST', '/v1/jobs', asked(operator.token, { name: 'b', image: 'i' }))
    const run = await server.call('POST', '/v1/jobs/a/run', asked(submitter.token))
    const made = await server.submit(job('three'))
    await server.call('POST', `/v1/executions/${made.id}/abort`)
    const again = await server.call('POST', `/v1/executions/${made.id}/rerun`)
    await server.call('DELETE', '/v1/jobs/b', asked(operator.token))
    const backup = await server.call('GET', '/v1/jobs')
    await server.call('POST', '/v1/restore', { body: backup.json })
    const schedule = { cron: '0 0 29 2 *' }
    await server.call('PUT', '/v1/jobs/yearly', { body: { image: 'i', schedule } })
    for (const path of ['/v1/jobs/yearly/schedule', '/v1/schedules'])
      for (const word of ['pause', 'resume']) await server.call('POST', `${path}/${word}`)
    for (const word of ['pause', 'resume'])
      await server.call('POST', `/v1/schedules/${word}`, asked(operator.token))
    await server.call('POST', '/v1/notify/ops/test')
    const runner = await server.runner({ metadata: { rack: '7' } })
    await server.call('POST', '/v1/scripts', { body: { image: 'i', command: ['true'], wait_seconds: 0 } })
    await server.call('PATCH', `/v1/runners/${runner.id}`, { body: { enabled: false } })
    await server.call('PUT', '/v1/settings', { body: { namespaces: {} } })
    await server.call('PATCH', '/v1/groups/default', { body: { mode: 'leader' } })
    await server.call('DELETE', `/v1/runners/${runner.id}`)
    await server.call('POST', '/v1/browser-codes')
    const browser = await SignedIn.with(server, { token: operator.token })
    await browser.call('DELETE', '/v1/browser-session')
    const other = await SignedIn.with(server, { token: operator.token })
    const { items } = (await server.call('GET', '/v1/browser-sessions')).json
    await server.call('DELETE', `/v1/browser-sessions/${items[0].id}`)
    t.equal((await other.call('GET', '/v1/jobs')).status, 401)
    await server.call('DELETE', `/v1/tokens/${submitter.id}`)

    const entries = await auditOf(server)
    const of = (call: string) => entries.filter(entry => entry.call === call).map(facts)
    t.same(new Set(entries.map(({ call }) => call)), new Set([...audited, 'start']), 'no call is left out')
    t.match(of('start'), [{ after: { kind: 'admin' } }, { after: { kind: 'registration' } }])
    const [first, second] = of('putJob').filter(({ object }) => object === 'a')
    t.match(first, { object: 'a', namespace: 'team', status: 201, token_name: 'team', before: null })
    t.match(first, {
      after: { image: 'one', env: { MODE: 'loud' }, secret_env: { PASSWORD: /^sealed:v1:/ } },
    })
    t.match(second, { status: 200, before: { image: 'one' }, after: { image: 'two' } })
    const { before, after } = second as { before: { secret_env: unknown }; after: { secret_env: unknown } }
    t.same(before.secret_env, after.secret_env, 'a secret that has stayed the same is seen to have')
    const [isPaused, isNot] = [{ paused_at: /Z$/ }, { paused_at: null }]
    t.match(of('pauseJob'), [{ object: 'yearly', before: isNot, after: isPaused }])
    t.match(of('resumeJob'), [{ object: 'yearly', before: isPaused, after: isNot }])
    t.match(of('pauseAll'), [
      { namespace: null, before: isNot, after: { ...isPaused, namespaces: ['*'] } },
      { namespace: 'team', before: isNot, after: { ...isPaused, namespaces: ['team'] } },
    ])
    t.match(of('resumeAll'), [
      { before: isPaused, after: isNot },
      { namespace: 'team', before: isPaused, after: isNot },
    ])
    t.match(of('testNotify'), [{ object: 'ops', after: { sent: false } }])
    t.match(of('postJob'), [{ object: 'b', status: 201, after: { name: 'b' } }])
    t.match(of('runJob'), [
      { object: run.json.id, namespace: 'team', token_name: 'ci', after: { job_name: 'a' } },
    ])
    t.match(of('submit'), [
      {
        object: made.id,
        status: 201,
        after: { image: 'three', env: { MODE: 'loud' }, secret_env: { PASSWORD: /^sealed:v1:/ } },
      },
    ])
    t.match(of('abort'), [{ object: made.id, before: { state: 'queued' }, after: { state: 'aborted' } }])
    t.match(of('rerun'), [{ object: again.json.id, after: { group: again.json.group } }])
    t.match(of('deleteJob'), [{ object: 'b', status: 204, before: { name: 'b' }, after: null }])
    t.match(of('restore'), [
      { object: 'a', namespace: 'team', before: { image: 'two' }, after: { image: 'two' } },
      { object: null, after: { restored: 1 } },
    ])
    t.match(of('register'), [{ object: runner.id, after: { metadata: { rack: '7' }, refused: [] } }])
    t.match(of('script'), [{ status: 200, after: { kind: 'script', command: ['true'] } }])
    t.match(of('patchRunner'), [{ object: runner.id, before: { enabled: true }, after: { enabled: false } }])
    t.match(of('putSettings'), [{ before: { namespaces: {} }, after: { namespaces: {} } }])
    t.match(of('patchGroup'), [{ object: 'default', before: { mode: 'all' }, after: { mode: 'leader' } }])
    t.match(of('deleteRunner'), [{ object: runner.id, before: { deleted: false }, after: { deleted: true } }])
    t.match(of('createToken')[0], { object: operator.id, after: { kind: 'operator', namespaces: ['team'] } })
    t.match(of('revokeToken'), [{ object: submitter.id, before: { name: 'ci' }, after: null }])
    t.ok(entries.filter(({ call }) => call !== 'start').every(({ address }) => address === '127.0.0.1'))
    const text = JSON.stringify(entries)
    t.notMatch(text, /hush-hush/)
    for (const { token } of [operator, submitter]) t.notOk(text.includes(token))
    t.match(await auditOf(server, '&call=submit&namespace=default'), [{ object: made.id }])
    t.same(await auditOf(server, '&call=submit&namespace=team'), [])
    t.equal((await auditOf(server, `&object=${made.id}`)).length, 2)
    t.equal((await auditOf(server, '&token=ci')).length, 1)
    t.equal((await auditOf(server, '&until=2020-01-01T00:00:00Z')).length, 0)
  },
)

serverTest(
  t,
  'refused calls, failed logins and reads of the log are in it, and a flood is one entry',
  { stores },
  async (t, server) => {
    const viewer = await make(server, { kind: 'viewer', name: 'dashboard' })
    await server.call('PUT', '/v1/jobs/a', { token: viewer.token, body: { image: 'i' } })
    await server.call('POST', '/v1/jobs/none/run')
    await server.call('PUT', '/v1/jobs/b', { body: { nonsense: 1 } })
    await server.call('GET', '/v1/jobs/none')
    await server.call('GET', '/v1/jobs', { token: null })
    for (let n = 0; n < 30; n++)
      await server.call('GET', '/v1/jobs', { token: `rnr_admin_${'x'.repeat(43)}` })
    await server.call('GET', '/v1/audit', { token: viewer.token })
    await auditOf(server)
    await auditOf(server)
    await server.stop()
    await server.restart()
    const entries = (await auditOf(server)).slice(3)
    const short = entries.map(({ call, status, reason, count, object, token_name }) => ({
      call,
      status,
      reason,
      count,
      object,
      token_name,
    }))
    const admin = 'made at the start of the server'
    t.same(short.slice(0, 7), [
      {
        call: 'putJob',
        status: 403,
        reason: 'wrong-token-kind',
        count: 1,
        object: 'a',
        token_name: 'dashboard',
      },
      { call: 'runJob', status: 404, reason: 'not-found', count: 1, object: 'none', token_name: admin },
      { call: 'putJob', status: 400, reason: 'malformed', count: 1, object: 'b', token_name: admin },
      { call: 'login', status: 401, reason: 'bad-token', count: 1, object: null, token_name: null },
      {
        call: 'listAudit',
        status: 403,
        reason: 'wrong-token-kind',
        count: 1,
        object: null,
        token_name: 'dashboard',
      },
      { call: 'listAudit', status: 200, reason: null, count: 1, object: null, token_name: admin },
      { call: 'login', status: 429, reason: 'too-many-requests', count: 29, object: null, token_name: null },
    ])
    t.match(short[7], { call: 'listAudit', status: 200, token_name: admin })
    t.ok(short[7]!.count >= 1)
  },
)

serverTest(
  t,
  '`audit verify` finds an entry that was changed, and its status says so',
  {},
  async (t, server) => {
    for (const name of ['a', 'b', 'c']) await server.call('PUT', `/v1/jobs/${name}`, { body: { image: 'i' } })
    t.match(await say(server, ['audit', 'verify']), {
      status: 0,
      out: /^\d+ entries, up to \d+: the chain is whole\n$/,
    })
    await server.stop()
    const database = new DatabaseSync(server.rig.path('state', 'server', 'server.db'))
    database.exec("UPDATE audit SET body = replace(body, '127.0.0.1', '127.0.0.2') WHERE object = 'a'")
    // No search by time or call is to find the two.
    database.exec("UPDATE audit SET at = at - 1000000 WHERE object = 'b'")
    database.exec("UPDATE audit SET call_name = 'getJob' WHERE object = 'c'")
    database.close()
    await server.restart()
    t.match(await say(server, ['audit', 'verify']), {
      status: 1,
      err: /broken: entry 3 is not what was written; 3 breaks in all, of which this is the oldest\n$/,
    })
    t.match(await json<AuditEntry[]>(server, ['audit', 'list', '--object', 'a']), [
      { number: 3, address: '127.0.0.2' },
    ])
  },
)

serverTest(
  t,
  'the address behind a trusted proxy is that of the client',
  { settings: { trusted_proxies: '127.0.0.1, 10.0.0.0/8' } },
  async (t, server) => {
    const headers = { 'x-forwarded-for': '203.0.113.9, 198.51.100.7, 10.1.2.3' }
    await server.call('PUT', '/v1/jobs/a', { body: { image: 'i' }, headers })
    t.match(await auditOf(server, '&call=putJob'), [{ address: '198.51.100.7' }])
  },
)

serverTest(
  t,
  'with audit_syslog each entry goes to the system log as well, without what was changed',
  { settings: { audit_syslog: 'yes' } },
  async (t, server) => {
    await server.stop()
    mkdirSync(server.rig.path('bin'))
    const script = '#!/bin/sh\necho "$@" >> "$DIR/args"; cat >> "$DIR/syslog"\n'
    server.rig.file('bin/logger', script, 0o755)
    await server.restartIn({ PATH: `${server.rig.path('bin')}:${process.env.PATH}` })
    await server.call('PUT', '/v1/jobs/a', { body: { image: 'i' } })
    await server.call('POST', '/v1/jobs/none/run')
    const entries = await auditOf(server)
    await server.stop()
    const lines = server.rig.lines('syslog')
    t.match(server.rig.lines('args')[0], /--rfc5424 .*--socket-errors=on/)
    const sent = lines.map(line => JSON.parse(line.replace(/^<\d+>/, '')))
    const of = (call: string) => sent.filter(entry => entry.call === call)
    t.equal(of('start').length, 2, 'those of before the first try too')
    t.match(of('putJob'), [{ hash: entries.find(({ call }) => call === 'putJob')!.hash }])
    t.notOk('after' in of('putJob')[0])
    t.match(
      lines.find(line => line.includes('"putJob"')),
      /^<85>/,
    )
    t.match(
      lines.find(line => line.includes('"runJob"')),
      /^<84>/,
    )
  },
)
