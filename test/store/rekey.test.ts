import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { seal, unseal } from '../../src/protocol/seal.ts'
import { openStore } from '../../src/store/open.ts'
import { rekeyStore, resealed } from '../../src/store/rekey.ts'
import { definition, testId } from '../support/rows.ts'

t.test('of a row only what the key opens is changed, whatever else is in it', async t => {
  const [from, to, other] = [randomBytes(32), randomBytes(32), randomBytes(32)]
  const texts = ['', 'short', 'x'.repeat(3_000_000)].map(text => seal(text, from))
  const foreign = seal('foreign', other)
  const parts = ['{"a":"', '","b":["', '","quoted \\"', '"],"hash":"', `","n":1e400,"foreign":"${foreign}"`]
  // The end of a row that is cut off in the middle of a sealed text.
  const json = `${parts[0]}${texts[0]}${parts[1]}${texts[1]}${parts[2]}${texts[2]}${parts[3]}${'ab'.repeat(32)}${parts[4]}"${texts[1]!.slice(0, 44)}`
  const { text, sealed } = resealed(json, from, to)
  t.equal(sealed, 3)
  t.equal(text.length, json.length)
  for (const part of [...parts, foreign, 'ab'.repeat(32)]) t.ok(text.includes(part))
  const opened = text.split('"').flatMap(part => {
    const plain = unseal(part, to)
    return plain.ok ? [plain.value.toString().slice(0, 5)] : []
  })
  t.same(opened, ['', 'short', 'xxxxx'])
  t.same(resealed(text, from, to), { text, sealed: 0 })
})

t.test('a store of many pages and of rows larger than a page is sealed anew as a whole', async t => {
  const dir = t.testdir({})
  const places = { database: `sqlite:${join(dir, 'server.db')}`, keyFile: join(dir, 'key') }
  const open = async () => {
    const opened = await openStore(places)
    if (!opened.ok) throw new Error(opened.failure.detail)
    return opened.value
  }
  const { store, keys } = await open()
  const large = 'x'.repeat(9_000_000)
  await store.write(async tx => {
    for (let n = 0; n < 1201; n++) tx.putDefinition(definition(testId(n), keys.sealAtRest(String(n))))
    for (let n = 0; n < 3; n++) tx.putOutput(testId(n), keys.sealAtRest(large))
  })
  await store[Symbol.asyncDispose]()
  const told: [number, number][] = []
  const done = await rekeyStore(places, (...progress) => told.push(progress))
  t.match(done, { ok: true, value: { outcome: 'rekeyed', sealed: 1204 } })
  const [rows, of] = told.at(-1)!
  t.equal(rows, of)
  t.ok(told.length > 6, 'in pages')
  const after = await open()
  t.not(after.keys.check, keys.check)
  await after.store.read(async tx => {
    for (let n = 0; n < 1201; n += 100) {
      const row = await tx.definition(testId(n))
      t.equal(after.keys.openAtRest(row!.sealed), String(n))
    }
    t.ok(after.keys.openAtRest((await tx.output(testId(2)))!) === large)
  })
  await after.store[Symbol.asyncDispose]()
})
