import { appendFileSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ExchangeDir } from '../../../../src/remote/executors/handover/exchange-dir.ts'
import { makeFifo } from '../../../support/fifo.ts'

const name = '00000000-0000-4000-8000-000000000001'

t.test('only regular files are read, and none beyond its limit', async t => {
  const dir = t.testdir({ secret: 'x' })
  using exchange = ExchangeDir.make(dir, name)
  const path = (file: string) => join(dir, name, file)
  t.equal(statSync(path('')).mode & 0o7777, 0o777)
  exchange.write('file', 'hello', 0o644)
  t.match(exchange.read('file', 5), { ok: true, value: { bytes: Buffer.from('hello') } })
  t.match(exchange.read('file', 4), { failure: { reason: 'too-large', size: 5 } })
  symlinkSync('../secret', path('link'))
  symlinkSync('file', path('inner'))
  mkdirSync(path('folder'))
  makeFifo(path('fifo'))
  for (const name of ['link', 'inner', 'folder', 'fifo'])
    t.match(exchange.read(name, 100), { failure: { reason: 'not-a-file' } }, name)
  t.match(exchange.read('nothing', 100), { failure: { reason: 'missing' } })
  t.throws(() => exchange.write('link', 'x', 0o644), 'nothing is written through a link')
})

t.test('it is known by what it is, not by its name', async t => {
  const dir = t.testdir()
  using exchange = ExchangeDir.make(dir, name)
  exchange.write('file', 'mine', 0o644)
  renameSync(join(dir, name), join(dir, 'moved'))
  mkdirSync(join(dir, name))
  writeFileSync(join(dir, name, 'file'), 'other')
  const file = exchange.read('file', 9)
  t.equal(file.ok && file.value.bytes.toString(), 'mine')
  t.match(ExchangeDir.open(join(dir, name), exchange.identity), { failure: { reason: 'missing' } })
  const again = ExchangeDir.open(join(dir, 'moved'), exchange.identity)
  t.ok(again.ok)
  if (again.ok) again.value[Symbol.dispose]()
  appendFileSync(join(dir, 'moved', 'file'), '!')
  rmSync(join(dir, name), { recursive: true })
  symlinkSync('moved', join(dir, name))
  t.match(ExchangeDir.open(join(dir, name), exchange.identity), { failure: { reason: 'not-a-file' } })
})
