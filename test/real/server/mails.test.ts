/* Notifications as mails, to a real mail server. */
import t from 'tap'
import { Authority } from '../../support/certificates.ts'
import { MailServer, mailServer } from '../../support/mail-server.ts'
import { ending } from '../../support/operator.ts'
import { program } from '../../support/require.ts'
import { serverTest } from '../../support/server.ts'

const needs = [mailServer, program('openssl'), program('setpriv')]
const dir = t.testdir({ tls: {} })
const ready = needs.every(({ missing }) => missing === undefined)
const authority = ready ? new Authority(`${dir}/tls`) : undefined
const certificate = authority?.issue('mail', 'DNS:localhost,IP:127.0.0.1')
const password = 'pass word'
const secured = ready ? await MailServer.open({ ...certificate!, user: 'runner', password }) : undefined
const plain = ready ? await MailServer.open() : undefined
t.teardown(async () => {
  await secured?.[Symbol.asyncDispose]()
  await plain?.[Symbol.asyncDispose]()
})

const mail = (name: string, lines: Record<string, string | number>) =>
  `[notify.${name}]\ntype = email\nhost = localhost\nfrom = runner@example.org\n${Object.entries(lines)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('')}`

serverTest(
  t,
  'a mail goes by STARTTLS with a password, and its Message-ID stays the same',
  {
    needs,
    settings: { notify_private: 'yes' },
    config: rig => {
      rig.file('password', `${password}\n`, 0o600)
      rig.file('wrong', 'not this\n', 0o600)
      const { port } = secured!
      const login = { user: 'runner', password_file: 'password', to: 'ops@example.org, two@example.org' }
      const ca_file = authority!.ca.certFile
      return [
        mail('ops', { port, ca_file, ...login }),
        mail('stranger', { port, ...login }),
        mail('wrong', { port, ca_file, ...login, password_file: 'wrong' }),
        mail('some', { port: plain!.port, tls: 'none', to: 'nobody@example.org, ops@example.org' }),
        mail('nobody', { port: plain!.port, tls: 'none', to: 'nobody@example.org' }),
        mail('clear', { port: plain!.port, to: 'ops@example.org' }),
      ].join('')
    },
  },
  async (t, server) => {
    const test = async (name: string) => (await server.call('POST', `/v1/notify/${name}/test`)).json
    t.match(await test('ops'), { type: 'email', sent: true, error: null })
    t.match((await secured!.next()).content, /Subject: Test of the target ops/)
    const runner = await server.runner()
    await using _ = runner.alive()
    const notify = [{ to: 'ops', on: ['failure'] }]
    await server.submit({ job_name: 'nightly', notify })
    const failed = {
      outcome: 'failed',
      exit_code: 3,
      reason: 'exit-status',
      error_message: 'Größe: 0\nBcc: x@y',
    }
    await runner.result(await runner.begin(), ending('', failed))
    const got = await secured!.next()
    t.match(got, {
      from: 'runner@example.org',
      to: ['ops@example.org', 'two@example.org'],
      tls: true,
      authenticated: true,
    })
    const [head, text] = got.content.split('\r\n\r\n', 2) as [string, string]
    const notification = (await server.call('GET', '/v1/notifications')).json.items[0]
    t.equal(/^Message-ID: <(.+)@example.org>$/im.exec(head)?.[1], notification.id)
    t.match(head, new RegExp(`^Runner-Notification-Id: ${notification.id}$`, 'im'))
    t.notMatch(head, /^Bcc:/im)
    t.match(text, /^Job nightly has failed on one: exit status 3; /)

    t.match(await test('some'), { sent: true, error: /does not take mails to nobody@example.org$/ })
    t.same((await plain!.next()).to, ['ops@example.org'])
    t.match(await test('nobody'), { sent: false, error: /^localhost:\d+ answers 550/ })
    t.match(await test('clear'), { sent: false, error: /STARTTLS|answers 5/ })
    t.match(await test('wrong'), { sent: false, error: /^localhost:\d+ answers 535/ })
    t.match(await test('stranger'), { sent: false, error: /^localhost:\d+ cannot be used: / })
    t.notMatch(server.run.text, /pass word|not this/)
  },
)
