/*
 * Notifications through the real program: the targets that are told of an event, and the messages that they
 * get.
 */
import { createHmac } from 'node:crypto'
import t from 'tap'
import { HookReceiver } from '../../support/hook-receiver.ts'
import { ending } from '../../support/operator.ts'
import { serverTest } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

const secret = 'a secret that both know'
const failed = { outcome: 'failed', exit_code: 3, reason: 'exit-status', error_message: 'no <!channel> disk' }

const ops = await HookReceiver.open()
t.teardown(() => ops[Symbol.asyncDispose]())

serverTest(
  t,
  'a target is told of the events that a job names, once each, with a signature',
  {
    stores,
    settings: { notify_private: 'yes', late_result_seconds: 1 },
    config: rig => {
      rig.file('secret', `${secret}\n`, 0o600)
      rig.file('url', `${ops.url('/hook?token=hidden-key')}\n`, 0o600)
      return `[notify.ops]\nurl_file = url\nsecret_file = secret\n[notify.team]\nurl = ${ops.url('/team')}\nnamespaces = team-a\n`
    },
  },
  async (t, server) => {
    ops.received.length = 0
    const runner = await server.runner()
    await using _ = runner.alive()
    const all = ['failure', 'recovery', 'success', 'lost', 'aborted', 'late', 'not-fired']
    const put = (name: string, body: object) =>
      server.call('PUT', `/v1/jobs/${name}`, { body: { image: 'i', ...body } })
    const run = async (name: string) => (await server.call('POST', `/v1/jobs/${name}/run`)).json.id as string
    const end = async (name: string, result: object) => {
      const id = await run(name)
      await runner.result(await runner.begin(), ending('', result))
      return id
    }
    const about = (id: string, event: string) =>
      ops.find(({ json }) => json.execution === id && json.event === event)

    await t.test('what is put is checked', async t => {
      const put1 = await put('a', { notify: [{ to: 'opps', on: ['failure'] }] })
      t.match(put1, {
        status: 400,
        json: {
          detail:
            '/notify/0/to is opps; the configuration of the server has no section [notify.opps] for namespace default; did you mean ops?',
        },
      })
      t.match(await put('a', { notify: [{ to: 'team', on: ['failure'] }] }), {
        status: 400,
        json: { detail: /no section \[notify.team\] for namespace default; it has ops$/ },
      })
      const settings = { namespaces: { '*': { notify: [{ to: 'team', on: ['failure'] }] } } }
      t.match(await server.call('PUT', '/v1/settings', { body: settings }), {
        status: 400,
        json: { detail: /^\/namespaces\/\*\/notify\/0\/to is team; .* for all namespaces/ },
      })
    })

    await t.test('failure, success, recovery', async t => {
      await put('nightly', { notify: [{ to: 'ops', on: all }] })
      const one = await about(await end('nightly', failed), 'failure')
      t.match(one.json, {
        text: 'Job nightly has failed on one: exit status 3; no ‹!channel› disk',
        job: 'nightly',
        namespace: 'default',
        exit_code: 3,
        error_message: 'no <!channel> disk',
        attempt: 1,
      })
      const [, time, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(one.headers['runner-signature']))!
      t.equal(signature, createHmac('sha256', secret).update(`${time}.${one.text}`).digest('hex'))
      t.equal(one.headers['runner-notification-id'], one.json.id)
      t.equal(one.path, '/hook?token=hidden-key')
      const again = await about(await end('nightly', failed), 'failure')
      t.not(again.json.id, one.json.id)
      const recovered = await about(await end('nightly', {}), 'recovery')
      t.match(recovered.json.text, /^Job nightly has succeeded again on one: the run before had failed$/)
      t.match(
        (await about(await end('nightly', {}), 'success')).json.text,
        'Job nightly has succeeded on one',
      )
      t.same(
        ops.received.map(({ json }) => json.event),
        ['failure', 'failure', 'recovery', 'success'],
      )
    })

    await t.test('only the last attempt of a run, and only what is asked for', async t => {
      ops.received.length = 0
      await put('retried', {
        retries: 1,
        retry: { delay_seconds: 0 },
        notify: [{ to: 'ops', on: ['failure', 'aborted'] }],
      })
      await run('retried')
      await runner.result(await runner.begin(), ending('', failed))
      const second = await runner.begin()
      await runner.result(second, ending('', failed))
      t.match((await about(second.execution_id, 'failure')).json.text, / has failed after 2 attempts on one/)
      await end('retried', {})
      const aborted = await run('retried')
      await server.call('POST', `/v1/executions/${aborted}/abort`)
      t.match((await about(aborted, 'aborted')).json.text, /^Job retried was aborted/)
      t.same(
        ops.received.map(({ json }) => json.event),
        ['failure', 'aborted'],
      )
    })

    await t.test('late and lost', async t => {
      await put('slow', { expected_seconds: 0.1, notify: [{ to: 'ops', on: ['late'] }] })
      const slow = await run('slow')
      const held = await runner.begin()
      t.match(
        (await about(slow, 'late')).json.text,
        'Job slow is late: it has run for more than 0.1 s on one',
      )
      await runner.result(held, ending('', {}))
      await put('gone', { notify: [{ to: 'ops', on: ['lost', 'failure'] }] })
      const gone = await run('gone')
      const lost = await runner.begin()
      runner.holds.delete(lost.execution_id)
      t.match((await about(gone, 'lost')).json.text, /^Job gone is lost/)
      t.match((await about(gone, 'failure')).json.text, /^Job gone has failed/)
    })

    await t.test('the default of a namespace, for its own target', async t => {
      const notify = [{ to: 'team', on: ['failure'] }]
      const settings = { namespaces: { 'team-a': { notify } } }
      t.equal((await server.call('PUT', '/v1/settings', { body: settings })).status, 200)
      await server.call('PUT', '/v1/jobs/theirs?namespace=team-a', { body: { image: 'i' } })
      const { json } = await server.call('POST', '/v1/jobs/theirs/run?namespace=team-a')
      await runner.result(await runner.begin(), ending('', failed))
      const told = await about(json.id, 'failure')
      t.match(told, { path: '/team', json: { text: /^Job team-a\/theirs has failed/ } })
      t.notOk('runner-signature' in told.headers)
    })

    await t.test('what is listed, by namespace', async t => {
      const body = { kind: 'viewer', name: 'eyes', namespaces: ['team-a'] }
      const token = (await server.call('POST', '/v1/tokens', { body })).json.token
      const seen = (await server.call('GET', '/v1/notifications', { token })).json.items
      t.match(seen, [{ to: 'team', event: 'failure', namespace: 'team-a', job_name: 'theirs', tries: 1 }])
      t.equal(seen.length, 1)
      t.same(
        (await server.call('GET', '/v1/notify', { token })).json.items.map(
          (one: { name: string }) => one.name,
        ),
        ['ops', 'team'],
      )
      const all = (await server.call('GET', '/v1/notifications?state=sent&to=ops&limit=2')).json
      t.match(all.items, [
        { event: 'failure', job_name: 'gone', state: 'sent', error: null },
        { event: 'lost' },
      ])
      const more = (await server.call('GET', `/v1/notifications?to=ops&after=${all.next}`)).json
      t.match(more.items[0], { event: 'late' })
      t.match(await server.call('POST', '/v1/notify/ops/test'), {
        status: 200,
        json: { name: 'ops', type: 'webhook', sent: true, error: null },
      })
      t.match(await server.call('POST', '/v1/notify/opps/test'), {
        status: 404,
        json: { detail: /did you mean ops\?$/ },
      })
      t.match(
        (await server.call('GET', '/metrics')).text,
        /runner_server_notifications_total\{target="ops",result="sent"\} \d+/,
      )
      const written = `${server.run.text}${(await server.call('GET', '/v1/notifications')).text}`
      t.notMatch(written, /hidden-key|a secret that both/)
    })
  },
)
