import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { removeTree } from '../../src/system/remove-tree.ts'

/** A directory with so many files in it. */
function directory(path: string, files: number): string {
  mkdirSync(path)
  for (let index = 0; index < files; index++) writeFileSync(join(path, String(index)), '')
  return path
}

t.test('a directory goes with all in it, and one that is not there is gone already', async t => {
  const dir = t.testdir()
  for (const files of [0, 1, 10, 11, 200]) {
    const path = directory(join(dir, 'tree'), files)
    t.same(await removeTree(path), { ok: true, value: undefined }, `${files} files`)
    t.notOk(existsSync(path))
  }
  const deep = directory(join(dir, 'tree'), 3)
  directory(join(deep, 'below'), 3)
  t.ok((await removeTree(deep)).ok)
  t.notOk(existsSync(deep))
  t.ok((await removeTree(join(dir, 'none'))).ok)
})

t.test('no link is followed', async t => {
  const dir = t.testdir({ precious: { file: 'as it was' } })
  for (const files of [1, 20]) {
    const path = directory(join(dir, 'tree'), files)
    symlinkSync(join(dir, 'precious'), join(path, 'link'))
    t.ok((await removeTree(path)).ok)
    t.notOk(existsSync(path))
  }
  symlinkSync(join(dir, 'precious'), join(dir, 'link'))
  t.ok((await removeTree(join(dir, 'link'))).ok)
  t.equal(readFileSync(join(dir, 'precious', 'file'), 'utf8'), 'as it was')
})

t.test('a directory that its owner has locked is opened', async t => {
  const path = directory(join(t.testdir(), 'tree'), 1)
  const below = directory(join(path, 'below'), 1)
  chmodSync(below, 0)
  t.ok((await removeTree(path)).ok)
  t.notOk(existsSync(path))
})

t.test('what cannot be removed is named, with the reason', async t => {
  const removed = await removeTree('/proc/self/task')
  t.match(removed, { ok: false, failure: /^\/proc\/self\/task cannot be removed: rm: / })
})
