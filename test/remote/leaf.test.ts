import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Leaf } from '../../src/remote/executors/leaf.ts'

const name = '00000000-0000-4000-8000-000000000001'

t.test('only regular files are read, and none beyond its limit', async t => {
  const dir = t.testdir({ secret: 'x' })
  using leaf = Leaf.make(dir, name)
  const path = (file: string) => join(dir, name, file)
  t.equal(statSync(path('')).mode & 0o7777, 0o777)
  leaf.write('file', 'hello', 0o644)
  t.match(leaf.read('file', 5), { ok: true, value: { bytes: Buffer.from('hello') } })
  t.match(leaf.read('file', 4), { failure: { reason: 'too-large', size: 5 } })
  symlinkSync('../secret', path('link'))
  symlinkSync('file', path('inner'))
  mkdirSync(path('folder'))
  execFileSync('mkfifo', [path('fifo')])
  for (const name of ['link', 'inner', 'folder', 'fifo'])
    t.match(leaf.read(name, 100), { failure: { reason: 'not-a-file' } }, name)
  t.match(leaf.read('nothing', 100), { failure: { reason: 'missing' } })
  t.throws(() => leaf.write('link', 'x', 0o644), 'nothing is written through a link')
})

t.test('it is known by what it is, not by its name', async t => {
  const dir = t.testdir()
  using leaf = Leaf.make(dir, name)
  leaf.write('file', 'mine', 0o644)
  renameSync(join(dir, name), join(dir, 'moved'))
  mkdirSync(join(dir, name))
  writeFileSync(join(dir, name, 'file'), 'other')
  t.equal(
    leaf.read('file', 9).ok && (leaf.read('file', 9) as { value: { bytes: Buffer } }).value.bytes.toString(),
    'mine',
  )
  t.match(Leaf.open(join(dir, name), leaf.identity), { failure: { reason: 'missing' } })
  const again = Leaf.open(join(dir, 'moved'), leaf.identity)
  t.ok(again.ok)
  if (again.ok) again.value[Symbol.dispose]()
  appendFileSync(join(dir, 'moved', 'file'), '!')
  rmSync(join(dir, name), { recursive: true })
  symlinkSync('moved', join(dir, name))
  t.match(Leaf.open(join(dir, name), leaf.identity), { failure: { reason: 'not-a-file' } })
})
