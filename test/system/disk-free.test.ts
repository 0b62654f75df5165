import t from 'tap'
import { diskSpace, freeBytes } from '../../src/system/disk-free.ts'

t.test('the space of a disk is given in bytes', async t => {
  const { free, size } = diskSpace(t.testdir())
  t.ok(Number.isSafeInteger(free) && free >= 0, `${free} bytes free`)
  t.ok(size >= free && size >= 1024 ** 2, `of ${size}`)
})

t.test('of a path that is not there nothing is known', async t => {
  t.equal(freeBytes('/nonexistent/path'), undefined)
  t.throws(() => diskSpace('/nonexistent/path'), { code: 'ENOENT' })
})
