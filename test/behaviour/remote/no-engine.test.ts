import t from 'tap'
import type { Runner } from '../../../src/protocol/messages/runners.ts'
import { Attached } from '../../support/attached.ts'
import { metricsUsed, withoutSamples } from '../../support/monitoring.ts'
import { json, say, start } from '../../support/operator.ts'
import { serverTest } from '../../support/server.ts'

t.setTimeout(720_000)

serverTest(t, 'a host without an engine says so wherever somebody looks', {}, async (t, server) => {
  const { rig } = server
  rig.configure(
    {},
    `[remote]
url = ${server.url}
name = build-3
token_file = ${rig.path('state', 'server', 'registration.token')}
health_listen = 127.0.0.1:0
[executor]
docker_host = unix:///nowhere.sock`,
  )
  const runner = new Attached(rig.start(['attach', '--json'], { lasting: true }))
  try {
    const failed = await runner.event('engine:failed')
    // A machine without busybox lacks that first.
    const problem = failed.message
    t.match(problem, /nowhere\.sock|busybox is needed/)
    const { to, unable_because, untried, message } = await runner.event(
      'life:changed',
      ({ to }) => to === 'ready',
    )
    t.equal(to, 'ready')
    t.ok(unable_because === problem || untried)
    t.match(message, /^connected; (takes work when jobs can be started: |tries whether jobs can be started$)/)
    const { message: listening } = await runner.event('notice', ({ message }) => message.startsWith('/live'))
    const [url] = listening.match(/http:\S+/)!
    t.match(await (await fetch(`${url}/ready`)).text(), problem)
    const told = await (await fetch(`${url}/metrics`)).text()
    t.same(withoutSamples(metricsUsed('node'), told), [], 'it tells what deploy/monitoring looks at')

    const waited = start(server, ['submit', '--image', 'box', '--wait'])
    const why = `no node of group default can take it: 1 unable to start jobs (${problem})`
    await waited.says(`it waits: ${why}`)
    const { text } = await server.call('GET', '/metrics')
    t.match(text, '\nrunner_server_nodes{runner_group="default",state="unable"} 1\n')
    const toCome = [
      'runner_server_backup_timestamp_seconds',
      'runner_server_notifications_age_seconds',
      'runner_server_notifications_total',
      'runner_server_notifications_waiting',
      'runner_server_token_expiry_timestamp_seconds',
    ]
    t.same(
      withoutSamples(metricsUsed('server'), text),
      toCome,
      'so does the server, but for what there is none of',
    )
    for (const name of toCome)
      t.match(text, `# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}\n`)
    t.match((await say(server, ['ps'])).out, /queued +no node of group default can take it: 1 unable/)
    const nodes = (await say(server, ['node'])).out
    t.match(nodes, /build-3 .* ready, starts no jobs /)
    t.match(nodes, `\nbuild-3 starts no jobs: ${problem}`)
    const [node] = await json<Runner[]>(server, ['node'])
    t.equal(node!.unable_because, problem)
    waited.child.kill('SIGINT')
    t.equal(await waited.ended, 130)

    const short = await say(server, ['submit', '--image', 'box', '--max-queue', '1', '--wait'])
    t.equal(short.status, 1)
    t.match(short.err, `No node took it within max_queue_seconds: ${why}`)
  } finally {
    runner.run.child.kill('SIGTERM')
    await runner.run.ended
  }
})
