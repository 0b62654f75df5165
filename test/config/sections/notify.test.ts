import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfiguration } from '../../../src/config/load.ts'
import { shownEntries } from '../../../src/config/sections/notify.ts'

function load(dir: string, text: string) {
  const file = join(dir, 'runner.cfg')
  writeFileSync(file, text)
  const loaded = loadConfiguration(file, {})
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure))
  return loaded.value
}

t.test('each section [notify.NAME] is a target, by the name behind the first dot', async t => {
  const dir = t.testdir()
  const { targets, findings } = load(
    dir,
    `[notify.team.ops]
url_file = hook
namespaces = a, b
[notify.mail]
type = email
host = mail.example
from = runner@example.org
to = one@example.org, two@example.org
`,
  )
  t.same(findings, [])
  t.match(targets, [
    {
      name: 'mail',
      type: 'email',
      host: 'mail.example',
      port: 587,
      tls: 'starttls',
      to: ['one@example.org', 'two@example.org'],
      namespaces: undefined,
    },
    { name: 'team.ops', type: 'webhook', url_file: join(dir, 'hook'), namespaces: ['a', 'b'] },
  ])
})

t.test('mistakes are found, and none is told with the address in it', async t => {
  const dir = t.testdir()
  const mail = 'type = email\nhost = m.example\nfrom = a@b.example\nto = c@d.example\n'
  const mistakes: [string, string | RegExp][] = [
    ['[notify.ops]\nurl = chat.example/SECRET', 'url is not the address of a web hook'],
    ['[notify.ops]\nurl = https://user:SECRET@chat.example/', 'url is not the address of a web hook'],
    ['[notify.ops]\nurl = https://x.example/SECRET\nurl_file = f', 'url and url_file are both set'],
    ['[notify.ops]\nsecret_file = f', 'url is not set'],
    ['[notify.ops]\nurl = https://x.example/\nhost = m', /^host is a key of targets with type = email/],
    [`[notify.m]\n${mail}url = https://x.example/SECRET`, /^url is a key of targets with type = webhook/],
    [`[notify.m]\n${mail}user = u`, 'user is set, and password_file is not'],
    [`[notify.m]\n${mail}tls = none\nuser = u\npassword_file = f`, /would go to m.example in clear$/],
    ['[notify.m]\ntype = email\nfrom = a@b.example\nto = c@d.example', 'host is not set'],
    [
      '[notify.m]\ntype = email\nhost = m\nfrom = a b\nto = c@d.example',
      /^from is "a b"; it must be an address/,
    ],
    ['[notify.ops]\nurl = https://x.example/\nsecrets_file = f', '[notify.ops] has no key secrets_file'],
    ['[notify.a b]\nurl = https://x.example/', '[notify.a b] has no name by which jobs could name it'],
    ['[notfy.ops]\nurl = https://x.example/SECRET', /^\[notfy.ops\] is a section for tasks to look up/],
  ]
  for (const [text, message] of mistakes) {
    const { findings } = load(dir, text)
    t.match(findings, [{ severity: 'error', message }], text)
    t.equal(findings.length, 1, text)
    t.notMatch(JSON.stringify(findings), 'SECRET', text)
  }
})

t.test('a section for tasks to look up stays one', async t => {
  const { targets, findings } = load(t.testdir(), '[notify]\nto = me\n[mount.notify]\nurl = x')
  t.same([targets, findings], [[], []])
})

t.test('an address is shown without its path', async t => {
  const entries = new Map([
    ['url', { value: 'https://x.example:8443/SECRET?k=SECRET' }],
    ['secret_file', { value: 'f' }],
  ])
  t.same(
    [...shownEntries('notify.ops', entries)],
    [
      ['url', { value: 'https://x.example:8443/…' }],
      ['secret_file', { value: 'f' }],
    ],
  )
  t.equal(shownEntries('other', entries), entries)
})
