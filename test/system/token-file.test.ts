import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { validateHeaderValue } from 'node:http'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { exposedToken, isToken, readTokenFile } from '../../src/system/token-file.ts'

t.test('a file gives its token without the white space around it, or says why not', async t => {
  const dir = t.testdir({
    good: ' rnr_abc~!\r\n',
    key: '-----BEGIN PRIVATE KEY-----\nMIIE\n',
    empty: '\n',
    long: 'a'.repeat(513),
    folder: {},
  })
  t.same(readTokenFile(`${dir}/good`, 'make one'), { ok: true, value: 'rnr_abc~!' })
  for (const name of ['key', 'empty', 'long'])
    t.same(
      readTokenFile(`${dir}/${name}`, 'make one'),
      { ok: false, failure: `there is no token in ${dir}/${name}: make one` },
      'nothing of another file is told',
    )
  t.same(readTokenFile(`${dir}/none`, 'make one'), {
    ok: false,
    failure: `the token in ${dir}/none cannot be read: the file does not exist; make one`,
  })
  t.match(readTokenFile(`${dir}/folder`, 'make one'), { failure: /cannot be read: illegal operation/ })
})

t.test('a token can go into a header as it is', async t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      if (!isToken(text)) return
      validateHeaderValue('authorization', `Bearer ${text}`)
      t.notMatch(text, /\s/)
    }),
  )
  t.notOk(isToken(''))
})

t.test('a token that every user can read is told, and no other one', async t => {
  // A place that every user can reach, which the directory of a test need not be.
  const dir = mkdtempSync('/tmp/runner-token-')
  t.teardown(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'it is')
  writeFileSync(file, 'rnr_x')
  chmodSync(file, 0o644)
  chmodSync(dir, 0o755)
  t.equal(exposedToken(file), `every user of this host can read the token in ${file}: chmod 600 '${file}'`)
  chmodSync(dir, 0o700)
  t.equal(exposedToken(file), undefined, 'nobody gets there')
  chmodSync(dir, 0o755)
  chmodSync(file, 0o640)
  t.equal(exposedToken(file), undefined, 'only its group')
  t.equal(exposedToken(join(dir, 'none')), undefined)
})
