import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { targetOf } from '../../../src/cli/server/move.ts'

t.test('the target of a move comes from where nobody else can read its password', async t => {
  const file = join(t.testdir({}), 'address')
  const secret = 'postgres://u:hush@h/db'
  writeFileSync(file, `${secret}\n`)
  const env = { TARGET: secret, ODD: 'hush', MYSQL: 'mysql://u:hush@h/db' }
  t.same(targetOf(`@${file}`, env), { ok: true, value: secret })
  t.same(targetOf('env:TARGET', env), { ok: true, value: secret })
  const open = 'postgresql:///db?host=/run/postgresql'
  t.same(targetOf(open, env), { ok: true, value: open })
  for (const [named, said] of [
    [undefined, /say where to by --to/],
    [secret, /every user of this host can read a password .* --to @FILE/],
    [`${open}&password=hush`, /every user of this host can read a password/],
    ['@missing', /missing cannot be read: no such file/],
    ['env:NONE', /there is no such variable/],
    ['env:ODD', /must be postgres:/],
    ['env:MYSQL', /must be postgres:/],
    ['sqlite:other.db', /must be postgres:/],
    ['postgres://u@[h/db', /must be postgres:/],
  ] as const) {
    const target = targetOf(named, env)
    t.match(target, { ok: false, failure: said })
    t.notMatch(target, { failure: /hush/ })
  }
})
