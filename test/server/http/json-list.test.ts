import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { listText } from '../../../src/server/http/json-list.ts'

async function whole(...of: Parameters<typeof listText>): Promise<string> {
  let text = ''
  for await (const piece of listText(...of)) text += piece
  return text
}

t.test('a list in pieces is the text of the list', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue()),
      fc.option(fc.string(), { nil: null }),
      fc.constantFrom(0, 2),
      async (items, next, indent) => {
        assert.equal(await whole({ items }, indent), `${JSON.stringify(items, null, indent)}\n`)
        assert.equal(
          await whole({ items, next }, indent),
          `${JSON.stringify({ items, next }, null, indent)}\n`,
        )
      },
    ),
  )
})

t.test(
  'a list longer than any text may be is made all the same, and others have their turn meanwhile',
  async t => {
    const item = 'x'.repeat(24 << 20)
    let [length, turns] = [0, 0]
    const immediate = () => {
      turns++
      if (length < 22 * item.length) setImmediate(immediate)
    }
    setImmediate(immediate)
    for await (const piece of listText({ items: Array.from({ length: 22 }, () => item) }))
      length += piece.length
    t.equal(length, 22 * (item.length + 3) + 2)
    t.ok(turns >= 22)
  },
)
