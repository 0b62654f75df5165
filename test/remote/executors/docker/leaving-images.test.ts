import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LeavingImages } from '../../../../src/remote/executors/docker/leaving-images.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const day = 24 * 3600

t.test('an image is known to the next process, and forgotten after a day', async t => {
  const path = join(t.testdir(), 'leaving-plugins.json')
  const clock = new ManualClock()
  const first = new LeavingImages(path, clock)
  t.equal(first.has('sha256:a'), false)
  first.add('sha256:a')
  await clock.pass(day - 1)
  const next = new LeavingImages(path, clock)
  t.same([next.has('sha256:a'), next.has('sha256:b')], [true, false])
  await clock.pass(1)
  t.same([first.has('sha256:a'), next.has('sha256:a')], [false, false])
  next.add('sha256:b')
  t.notMatch(readFileSync(path, 'utf8'), 'sha256:a')
})

t.test('the file has the latest thousand images', async t => {
  const path = join(t.testdir(), 'leaving-plugins.json')
  const images = Array.from({ length: 1000 }, (_, index) => ({ id: `${index}`, at: '2026-01-01T00:00:00Z' }))
  writeFileSync(path, JSON.stringify({ images }))
  new LeavingImages(path, new ManualClock()).add('new')
  const next = new LeavingImages(path, new ManualClock())
  t.same([next.has('0'), next.has('1'), next.has('new')], [false, true, true])
})

t.test('a file that another release or somebody else has written does no harm', async t => {
  const path = join(t.testdir(), 'leaving-plugins.json')
  const at = '2026-01-01T00:00:00Z'
  const open = (content: string) => {
    writeFileSync(path, content)
    return new LeavingImages(path, new ManualClock())
  }
  t.equal(open(JSON.stringify({ format: 9, images: [{ id: 'a', at, more: 1 }] })).has('a'), true)
  for (const content of ['', '{', 'null', '[]', '{"images":3}', '{"images":[null,3,{"id":1},{"id":"a"}]}'])
    t.equal(open(content).has('a'), false, content)
  t.equal(
    open(`{"images":[{"id":"a","at":"2027-01-01T00:00:00Z"}]}`).has('a'),
    false,
    'the clock was set back',
  )
})

t.test('where the file cannot be written this process knows it all the same', async t => {
  const images = new LeavingImages(join(t.testdir(), 'missing', 'file'), new ManualClock())
  images.add('a')
  t.equal(images.has('a'), true)
})
