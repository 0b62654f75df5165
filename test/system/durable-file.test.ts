import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  copyDurably,
  createDurably,
  makeAllLast,
  makeDirectory,
  makeLast,
  renameDurably,
  writeDurably,
  writeFirst,
} from '../../src/system/durable-file.ts'

const mode = (path: string) => statSync(path).mode & 0o777

t.test('a file is replaced as a whole, and nothing of the draft stays', async t => {
  const dir = t.testdir({ kept: 'old' })
  const file = join(dir, 'kept')
  writeDurably(file, 'new')
  writeDurably(join(dir, 'other'), Buffer.from([0, 255]))
  t.equal(readFileSync(file, 'utf8'), 'new')
  t.same(readFileSync(join(dir, 'other')), Buffer.from([0, 255]))
  t.equal(mode(join(dir, 'other')), 0o600)
  t.same(readdirSync(dir).sort(), ['kept', 'other'])
})

t.test('a draft that a killed process left is written over, a link in its place is not followed', async t => {
  const dir = t.testdir({ 'kept.new': 'half of a longer text', target: 'of somebody else' })
  const file = join(dir, 'kept')
  writeDurably(file, 'whole')
  t.equal(readFileSync(file, 'utf8'), 'whole')
  symlinkSync('target', join(dir, 'kept.new'))
  t.throws(() => writeDurably(file, 'never'), { code: 'ELOOP' })
  t.equal(readFileSync(file, 'utf8'), 'whole')
  t.equal(readFileSync(join(dir, 'target'), 'utf8'), 'of somebody else')
})

t.test('where the directory is not there, the system says so', async t => {
  const file = join(t.testdir(), 'none', 'file')
  for (const write of [
    () => writeDurably(file, ''),
    () => writeFirst(file, ''),
    () => createDurably(file, ''),
    () => makeLast(file),
  ])
    t.throws(write, { code: 'ENOENT' })
  await t.rejects(makeAllLast([file]), { code: 'ENOENT' })
  await t.rejects(renameDurably(file, `${file}.2`), { code: 'ENOENT' })
})

t.test('a file that must be new is never another one', async t => {
  const dir = t.testdir({ there: 'before', target: 'of somebody else' })
  symlinkSync('nowhere', join(dir, 'link'))
  createDurably(join(dir, 'made'), 'key')
  t.equal(readFileSync(join(dir, 'made'), 'utf8'), 'key')
  t.equal(mode(join(dir, 'made')), 0o600)
  for (const name of ['there', 'link'])
    t.throws(() => createDurably(join(dir, name), 'key'), { code: 'EEXIST' }, name)
  t.equal(readFileSync(join(dir, 'there'), 'utf8'), 'before')
  t.same(readdirSync(dir).sort(), ['link', 'made', 'target', 'there'], 'no draft stays')
})

t.test('a copy has its mode, and takes the place of another file', async t => {
  const dir = t.testdir({ from: '#!/bin/sh\n', to: 'old' })
  copyDurably(join(dir, 'from'), join(dir, 'to'), 0o111)
  t.equal(mode(join(dir, 'to')), 0o111)
  chmodSync(join(dir, 'to'), 0o600)
  t.equal(readFileSync(join(dir, 'to'), 'utf8'), '#!/bin/sh\n')
  t.throws(() => copyDurably(join(dir, 'none'), join(dir, 'to'), 0o600), { code: 'ENOENT' })
  t.same(readdirSync(dir).sort(), ['from', 'to'])
})

t.test('a first write leaves nothing where it fails', async t => {
  const dir = t.testdir()
  writeFirst(join(dir, 'first'), '{}')
  makeLast(join(dir, 'first'))
  await makeAllLast([join(dir, 'first'), dir])
  t.equal(readFileSync(join(dir, 'first'), 'utf8'), '{}')
  t.equal(mode(join(dir, 'first')), 0o600)
})

t.test('a finished draft is renamed', async t => {
  const dir = t.testdir({ draft: 'new', kept: 'old' })
  await renameDurably(join(dir, 'draft'), join(dir, 'kept'))
  t.equal(readFileSync(join(dir, 'kept'), 'utf8'), 'new')
  t.same(readdirSync(dir), ['kept'])
})

t.test('a directory is made with those above it, for this user alone', async t => {
  const dir = t.testdir({ file: '' })
  makeDirectory(join(dir, 'a', 'b'))
  makeDirectory(join(dir, 'a', 'b'))
  t.equal(mode(join(dir, 'a')), 0o700)
  t.equal(mode(join(dir, 'a', 'b')), 0o700)
  t.throws(() => makeDirectory(join(dir, 'file')), { code: 'EEXIST' })
  t.throws(() => makeDirectory(join(dir, 'file', 'below')), { code: 'ENOTDIR' })
  t.throws(() => makeDirectory('/proc/none/below'), { code: 'ENOENT' })
  mkdirSync(join(dir, 'own'), { mode: 0o755 })
  writeFileSync(join(dir, 'own', 'x'), '')
  makeDirectory(join(dir, 'own'))
  t.equal(mode(join(dir, 'own')), 0o755, 'one that is there stays as it is')
})
