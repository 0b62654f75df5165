import { existsSync } from 'node:fs'
import t from 'tap'
import type { Token } from '../../../src/protocol/messages/tokens.ts'
import { json, say } from '../../support/operator.ts'
import { serverTest } from '../../support/server.ts'

serverTest(
  t,
  'a CI runs what an operator of its namespace has defined, and nothing else',
  {},
  async (t, server) => {
    const file = (name: string) => server.rig.path(`${name}.token`)
    for (const [role, namespace] of [
      ['operator', 'team-a'],
      ['submitter', 'team-a'],
      ['operator', 'team-b'],
    ] as const) {
      const name = `${role}-${namespace}`
      const words = ['token', 'create', role, name, '--namespace', namespace, '--out', file(name)]
      t.match(await say(server, words), { status: 0 })
    }
    const as = (name: string, args: string[]) => {
      const end = args.includes('--') ? args.indexOf('--') : args.length
      return say(server, args.toSpliced(end, 0, '--token-file', file(name)))
    }
    t.match(await as('operator-team-a', ['job', 'put', 'build', '--image', 'x', '--', 'make']), { status: 0 })
    const shown = JSON.parse((await as('operator-team-a', ['job', 'show', 'build'])).out)
    t.match(shown, { name: 'build', namespace: 'team-a' })
    const submitted = await as('submitter-team-a', ['submit', 'build'])
    t.match(submitted, { status: 0, out: /^[0-9a-f-]{36}\n$/ })
    t.match(await as('submitter-team-a', ['executions', submitted.out.trim()]), { status: 0, out: /build/ })

    const define = ['job', 'put', 'build', '--image', 'y', '--', 'other']
    t.match(await as('submitter-team-a', define), { status: 77, err: /admin or operator.*`runner whoami`/ })
    t.match(await as('operator-team-b', ['executions', submitted.out.trim()]), { status: 7 })
    t.match(await as('operator-team-b', ['job', 'run', 'build', '--namespace', 'team-a']), {
      status: 77,
      err: /holds in team-b only, and the call is about team-a/,
    })
    t.match(await as('operator-team-b', ['job', 'show', 'build']), {
      status: 7,
      err: /no job build in namespace team-b/,
    })
    t.match(await as('submitter-team-a', ['whoami']), {
      status: 0,
      out: /submitter +submitter-team-a +team-a /,
    })
    // The administrator sees which namespace is which.
    t.match((await say(server, ['job', 'list'])).out, /^namespace +job[\s\S]*^team-a +build/m)
    t.equal((await say(server, ['job', 'list', '--namespace', 'team-b'])).out, 'no jobs\n')
  },
)

serverTest(
  t,
  'a token is made with a role, where it holds, and what it lets register',
  {},
  async (t, server) => {
    t.match(await say(server, ['token', 'create']), {
      status: 64,
      err: /say which role[\s\S]*^submitter +runs the jobs[\s\S]*^registration/m,
    })
    t.match(await say(server, ['token', 'create', 'root', 'x']), { status: 64, err: /root is not a role/ })
    t.match(await say(server, ['token', 'create', 'viewer']), { status: 64, err: /what the token is for/ })
    const both = ['token', 'create', 'viewer', 'x', '--all-namespaces', '--namespace', 'a']
    t.match(await say(server, both), { status: 64, err: /exclude each other/ })
    const lost = ['token', 'create', 'admin', 'x', '--namespace', 'a', '--out', server.rig.path('lost')]
    t.match(await say(server, lost), { status: 77, err: /holds in all of them/ })
    t.notOk(existsSync(server.rig.path('lost')))

    await say(server, ['token', 'create', 'viewer', 'here'])
    await say(server, ['token', 'create', 'viewer', 'everywhere', '--all-namespaces'])
    const scope = ['--group', 'dev', '--capability', 'container', '--names', 'rack7-*', '--uses', '3']
    await say(server, ['token', 'create', 'registration', 'rack', ...scope, '--metadata-key', 'site'])
    const tokens = await json<Token[]>(server, ['token', 'list'])
    const named = (name: string) => tokens.find(token => token.name === name)
    t.match(named('here'), { namespaces: ['default'], scope: null })
    t.match(named('everywhere'), { namespaces: ['*'] })
    t.match(named('rack'), {
      namespaces: null,
      scope: {
        runner_groups: ['dev'],
        capabilities: ['container'],
        names: 'rack7-*',
        metadata_keys: ['site'],
        uses: 3,
      },
    })
    t.match(
      (await say(server, ['token', 'list'])).out,
      /rack +groups dev; capabilities container; names rack7-\*; metadata site; 0 of 3 runners/,
    )
  },
)

serverTest(
  t,
  'an administrator says which images a namespace takes, and how much it may ask for',
  {},
  async (t, server) => {
    t.same(JSON.parse((await say(server, ['settings'])).out), { namespaces: {} })
    const file = server.rig.file('settings.json', JSON.stringify({ namespaces: { default: { submit: 1 } } }))
    t.match(await say(server, ['settings', 'put', file]), { status: 64, err: /settings\.json.*submit/ })
    const rules = { namespaces: { default: { images: ['good/*'], submits_per_minute: 1 } } }
    server.rig.file('settings.json', JSON.stringify(rules))
    t.match(await say(server, ['settings', 'put', file]), { status: 0, err: /in force/ })
    t.match(await say(server, ['submit', '--image', 'evil/x', '--', 'true']), {
      status: 77,
      err: /namespace default does not take evil\/x; it takes good\/\*/,
    })
    t.match(await say(server, ['submit', '--image', 'good/x', '--', 'true']), { status: 0 })
    const refused = await server.call('POST', '/v1/executions', { body: { image: 'good/x' } })
    t.equal(refused.status, 429)
    t.match(refused.json, { type: 'urn:runner:problem:quota-used-up', detail: /as many as it may/ })
    const wait = Number(refused.headers.get('retry-after'))
    t.ok(wait > 0 && wait <= 60)
    // They are rows: a new start of the server keeps them.
    await server.stop()
    await server.restart()
    t.same(await json(server, ['settings']), rules)
  },
)
