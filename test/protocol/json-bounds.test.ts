import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { parseWithin, tooMuchIn } from '../../src/protocol/json-bounds.ts'

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value))

/** Levels of a value. */
function levelsOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(levelsOf))
}

/** Values and names in a value, an empty array or object being two. */
function valuesOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1
  const parts = Object.values(value).map(valuesOf)
  const names = Array.isArray(value) ? 0 : parts.length
  return 1 + names + (parts.length === 0 ? 1 : parts.reduce((sum, count) => sum + count))
}

t.test('levels and values are counted as they are, whatever stands in strings', async () => {
  const unit = fc.constantFrom('"', '\\', '[', ']', '{', '}', ',', ':', 'a', '\n', 'é')
  const text = fc.string({ unit, maxLength: 8 })
  const { value } = fc.letrec(tie => ({
    value: fc.oneof(
      { depthSize: 'medium' },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(text, tie('value'), { maxKeys: 4 }),
    ),
  }))
  fc.assert(
    fc.property(value, given => {
      const [levels, values] = [levelsOf(given), valuesOf(given)]
      assert.equal(tooMuchIn(bytes(given), { levels, values }), undefined)
      assert.deepEqual(parseWithin(bytes(given), { levels, values }), {
        ok: true,
        value: JSON.parse(JSON.stringify(given)),
      })
      if (levels > 0) assert.match(tooMuchIn(bytes(given), { levels: levels - 1, values })!, /levels/)
      assert.match(
        tooMuchIn(bytes(given), { levels, values: values - 1 - Number(levels > 0) }) ?? 'values',
        /values/,
      )
    }),
    { numRuns: 2000 },
  )
})

t.test('what is no JSON is said to be none, and where, without what stands there', async t => {
  for (const [text, detail] of [
    ['{"password":s3cret}', 'is not JSON'],
    ['{"password":"s3cret" x}', 'is not JSON: at position 21 (line 1 column 22)'],
  ] as const)
    t.same(parseWithin(Buffer.from(text), { levels: 9, values: 9 }), {
      ok: false,
      failure: { tooMuch: false, detail },
    })
  for (const text of ['', '{', '"', '"\\"', '[1', ']]]]', 'nul'])
    t.match(
      parseWithin(Buffer.from(text), { levels: 9, values: 9 }),
      { ok: false, failure: { tooMuch: false } },
      text,
    )
})
