/* docs/how-to/monitor.md, and the files of deploy/monitoring, with a real Prometheus. */
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import { attachOnHost } from '../../support/attached.ts'
import { command } from '../../support/command.ts'
import { HookReceiver } from '../../support/hook-receiver.ts'
import { dashboardQueries } from '../../support/monitoring.ts'
import { ownAddress } from '../../support/own-address.ts'
import { follow, RigShell } from '../../support/page-shell.ts'
import { program, testWith } from '../../support/require.ts'
import { serverTest, type TestServer } from '../../support/server.ts'

const promtool = program('promtool')
const prometheus = program('prometheus')
const files = resolve('deploy', 'monitoring')

void testWith(t, 'the alert rules fire when they should, and not before', [promtool], async t => {
  const said = await command(promtool.path, ['check', 'rules', `${files}/alerts.yml`])
  t.match(said, /SUCCESS: \d+ rules found/)
  t.match(await command(promtool.path, ['test', 'rules', `${files}/alerts.test.yml`]), 'SUCCESS')
})

const receiver = await HookReceiver.open()
t.teardown(() => receiver[Symbol.asyncDispose]())
receiver.answer = response => response.writeHead(503).end()

serverTest(
  t,
  'the page about monitoring, and a Prometheus that does as it says, which has something for each panel of the dashboard',
  {
    needs: [promtool, prometheus],
    settings: { notify_private: 'yes' },
    config: rig => `[notify.ops]\nurl_file = ${rig.file('hook', receiver.url(), 0o600)}\n`,
  },
  async (t, server) => {
    const { rig } = server
    const node = attachOnHost(server, 'one')
    await node.event('life:changed', ({ to }) => to === 'ready')
    const { message } = await node.event('notice', ({ message }) => message.startsWith('/live'))
    const [, health] = /http:\/\/([\d.:]+)/.exec(message)!
    const env = {
      RUNNER_SERVER: server.url,
      RUNNER_SERVER_TOKEN_FILE: rig.path('state', 'server', 'admin.token'),
      CHECKOUT: resolve('.'),
    }
    const shell = new RigShell(rig, { folder: 'monitor', env })
    const replace = {
      '127.0.0.1:8080': new URL(server.url).host,
      '127.0.0.1:8686': health!,
      'interval: 15s': 'interval: 1s',
    }
    t.ok(await follow(t, 'docs/how-to/monitor.md', shell, { replace }))

    const { text } = await server.call('GET', '/metrics')
    rig.file('server.prom', text)
    for (const file of [rig.path('server.prom'), 'chain/runner.prom']) {
      const { status, output } = await shell.run(`promtool check metrics < ${file}`)
      t.equal(status, 0, output)
    }

    // The failure of this task does not end the chain.
    await shell.write('chain/tasks.d/20-flaky', '#!/bin/sh\nexit 1\n', 0o755)
    appendFileSync(rig.path('monitor/chain/runner.cfg'), '\n[flaky]\nmax_tries = 1\nrequired = no\n')
    const chained = await shell.run('runner -c chain/runner.cfg --quiet run')
    t.equal(chained.status, 0, chained.output)
    // A server of that file takes the place of node_exporter.
    const exporter = createServer((_, answer) =>
      answer
        .writeHead(200, { 'content-type': 'text/plain; version=0.0.4' })
        .end(readFileSync(rig.path('monitor/chain/runner.prom'))),
    )
    await new Promise<void>(resolve => exporter.listen(0, '127.0.0.1', resolve))
    t.teardown(() => exporter.close())
    const { port } = exporter.address() as AddressInfo
    appendFileSync(
      rig.path('monitor/prometheus.yml'),
      `  - {job_name: hosts, static_configs: [{targets: ['127.0.0.1:${port}']}]}\nglobal: {scrape_interval: 1s}\n`,
    )
    await work(server)

    const address = `${ownAddress(rig.id)}:9090`
    const where = [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      `--web.listen-address=${address}`,
    ]
    await shell.start(`prometheus ${where.join(' ')}`, 'Server is ready to receive web requests')
    const asks = async (query: string, time?: number) => {
      const asked = new URLSearchParams({ query, ...(time !== undefined && { time: String(time) }) })
      const answer = await fetch(`http://${address}/api/v1/query?${asked}`)
      const { data, error = '' } = (await answer.json()) as Answer
      return { error, series: data?.result ?? [] }
    }
    // The queried numbers are in the metrics already; a rate needs two scrapes.
    const scraped = 'min(sum_over_time(up[1h])) >= 3 and min(up) == 1 and count(up) == 3'
    const allScraped = async () => (await asks(scraped)).series[0]?.value[0]
    let then: number | undefined
    while (then === undefined) then = await allScraped()
    t.match((await asks('runner_server_info', then)).series, [{ value: [then, '1'] }])
    for (const { title, expr, labels } of dashboardQueries()) {
      const { error, series } = await asks(expr, then)
      t.ok(series.length > 0, `${title}: ${expr}: ${error || 'some series'}`)
      const known = series.every(({ metric }) => labels.every(label => label in metric))
      t.ok(known, `${title}: they have ${labels.join(', ') || 'no label that is shown'}`)
    }
    await shell.close()
    t.equal(await node.stop(), 0)
  },
)

interface Answer {
  data?: { result: { metric: Record<string, string>; value: [number, string] }[] }
  error?: string
}

/** Lets a server and its node do at least one of each thing that the dashboard shows. */
async function work(server: TestServer): Promise<void> {
  const job = {
    image: 'none',
    command: ['false'],
    capabilities: ['host'],
    notify: [{ to: 'ops', on: ['failure'] }],
  }
  const { json } = await server.call('POST', '/v1/executions', { body: job })
  while ((await server.execution(json.id)).finished_at === null) await systemClock.sleep(0.05)
  // No node can take this execution.
  await server.call('POST', '/v1/executions', {
    body: { image: 'none', command: ['true'], capabilities: ['gpu'] },
  })
  await receiver.until(1)
}
