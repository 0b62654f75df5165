/* Commands about schedules against a server of a release that has none. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { problems, problemType } from '../../../src/protocol/problem.ts'
import { inProcess } from '../../support/in-process.ts'

const noCall =
  'no call has this path: the address of a server is no more than https://host:port; GET /openapi.json lists the calls'

t.test('a server without schedules is told from a job that is not there', async t => {
  const old = createServer((asked, answered) => {
    const answer = (status: number, type: string, body: object) =>
      answered.writeHead(status, { 'content-type': type }).end(JSON.stringify(body))
    if (asked.url === '/health')
      return answer(200, 'application/json', { status: 'ok', store: 'ok', version: '0.1.0' })
    const [reason, detail] =
      asked.method === 'PUT'
        ? (['malformed', 'the body has an unknown field "schedule"'] as const)
        : (['not-found', noCall] as const)
    const [status, title] = problems[reason]
    answer(status, 'application/problem+json', { type: problemType(reason), title, status, detail })
  })
  await new Promise<void>(resolve => old.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    old.close()
    old.closeAllConnections()
  })
  const dir = t.testdir({ token: 'secret' })
  const env = {
    RUNNER_SERVER: `http://127.0.0.1:${(old.address() as AddressInfo).port}`,
    RUNNER_SERVER_TOKEN_FILE: `${dir}/token`,
  }
  for (const argv of [
    ['schedule'],
    ['schedule', 'next', 'nightly'],
    ['schedule', 'missed'],
    ['schedule', 'pause'],
    ['schedule', 'resume', 'nightly'],
    ['job', 'put', 'nightly', '--image', 'i', '--cron', '@daily'],
  ])
    t.match(
      await inProcess(['--quiet', ...argv], env),
      {
        status: 77,
        err: 'runner: the server is of release 0.1.0, which has no schedules: upgrade it; `runner submit` runs jobs meanwhile\n',
      },
      argv.join(' '),
    )
})
