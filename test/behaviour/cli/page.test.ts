import t from 'tap'
import { SignedIn } from '../../support/browser-session.ts'
import { json, say } from '../../support/operator.ts'
import { serverTest } from '../../support/server.ts'
import { onTerminal, terminal } from '../../support/terminal.ts'

const codeIn = (text: string) => /#code=([\w-]{43})\s/.exec(text)?.[1] ?? ''

serverTest(t, '`runner page` prints a link that signs a browser in', {}, async (t, server) => {
  const said = await say(server, ['page'])
  t.match(said, { status: 0, err: /^runner: the link signs one browser in, until 20\d\d-/ })
  t.ok(said.out.startsWith(`${server.url}/#code=`), said.out)
  t.match((await SignedIn.with(server, { code: codeIn(said.out) })).session, { role: 'admin' })
  t.match(await json(server, ['page']), { url: /^http.*#code=/, expires_at: /Z$/ })
  t.equal((await say(server, ['page', '--quiet'])).err, '')
  const registration = server.rig.path('state', 'server', 'registration.token')
  t.match(await say(server, ['page', '--token-file', registration]), { status: 77, err: /registration/ })
})

serverTest(
  t,
  'on a terminal the start of a server prints such a link, and nowhere else',
  { needs: [terminal] },
  async (t, server) => {
    t.notMatch(server.run.text, /#code=/, 'not into a pipe')
    t.equal(await server.stop(), 0)
    const run = server.rig.start(['server'], {
      ...onTerminal,
      lasting: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    await run.says('open its page:    http')
    const url = /(http:\/\/\S+)\/#code=/.exec(run.text)![1]!
    const answer = await fetch(`${url}/v1/browser-session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code: codeIn(run.text) }),
    })
    t.match(await answer.json(), { role: 'admin', name: 'made at the start of the server' })
    const entries = await (
      await fetch(`${url}/v1/audit?call=createBrowserCode`, {
        headers: { authorization: `Bearer ${server.token('admin')}` },
      })
    ).json()
    t.match(entries, { items: [{ token_name: 'made at the start of the server', address: null }] })
    // Ctrl-C on the terminal; the shell of script(1) gets it as well, so the status is its own.
    run.child.stdin!.write('\x03')
    await run.ended
  },
)

// A machine that does much else takes long to start servers.
t.setTimeout(1_800_000)
