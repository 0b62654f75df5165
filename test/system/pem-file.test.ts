import { join } from 'node:path'
import t from 'tap'
import { readPem } from '../../src/system/pem-file.ts'

t.test('a file in PEM is read, and another one is told with the way to a right one', async t => {
  const certificate = '-----BEGIN CERTIFICATE-----\nMII\n'
  const dir = t.testdir({
    certificate,
    key: '-----BEGIN EC PRIVATE KEY-----\nMII\n',
    other: 'text',
    folder: {},
  })
  const read = (name: string, part: 'ca' | 'cert' | 'key') => readPem(join(dir, name), part, 'name another')
  t.same(read('certificate', 'ca'), { ok: true, value: Buffer.from(certificate) })
  t.ok(read('certificate', 'cert').ok)
  t.ok(read('key', 'key').ok)
  for (const [name, part, what] of [
    ['certificate', 'key', 'private key'],
    ['key', 'cert', 'certificate'],
    ['other', 'ca', 'certificate'],
  ] as const)
    t.same(read(name, part), { ok: false, failure: `${join(dir, name)} has no ${what} in PEM; name another` })
  t.match(read('none', 'ca'), { failure: /none cannot be read: no such file or directory; name another$/ })
  t.match(read('folder', 'ca'), { failure: /folder cannot be read: illegal operation.*; name another$/ })
})
