import { lstatSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { replaceFile } from '../../src/system/replace-file.ts'

t.test('a file is replaced as a whole, with the mode that was asked for', async t => {
  const dir = t.testdir({ file: 'old' })
  for (const mode of [0o644, 0o600]) {
    await replaceFile(join(dir, 'file'), `mode ${mode}`, { mode })
    t.equal(readFileSync(join(dir, 'file'), 'utf8'), `mode ${mode}`)
    t.equal(statSync(join(dir, 'file')).mode & 0o777, mode)
  }
  t.same(readdirSync(dir), ['file'], 'no draft stays')
})

t.test('a link is replaced, and what it leads to stays as it was', async t => {
  const dir = t.testdir({ precious: 'as it was' })
  symlinkSync('precious', join(dir, 'file'))
  await replaceFile(join(dir, 'file'), 'new', { mode: 0o600 })
  t.ok(lstatSync(join(dir, 'file')).isFile())
  t.equal(readFileSync(join(dir, 'precious'), 'utf8'), 'as it was')
})

t.test('a device is not replaced, and a directory that is not there is an error', async t => {
  await t.rejects(replaceFile('/dev/null', '', { mode: 0o600 }), { message: 'it is a device' })
  t.ok(lstatSync('/dev/null').isCharacterDevice())
  await t.rejects(replaceFile(join(t.testdir(), 'none', 'file'), '', { mode: 0o600 }), { code: 'ENOENT' })
})

t.test('a directory in its place stays, and no draft beside it', async t => {
  const dir = t.testdir({ file: { inside: '' } })
  await t.rejects(replaceFile(join(dir, 'file'), '', { mode: 0o600 }), { code: 'EISDIR' })
  t.same(readdirSync(dir), ['file'])
})
