import fc from 'fast-check'
import t from 'tap'
import { parseJson } from '../../../src/protocol/exact-json.ts'
import { makeMask } from '../../../src/protocol/mask/mask.ts'
import {
  hidden,
  maskOutput,
  maskText,
  secretsOfOutput,
  showOutput,
} from '../../../src/protocol/mask/mask-output.ts'
import { runs } from '../../support/tier.ts'

const none: ReadonlySet<string> = new Set()
// The mask of an output takes any JSON, so the cast allows a test any value.
const json = (value: unknown) => parseJson(JSON.stringify(value)) as never
const shown = async (outputProperties: unknown, secrets: string[], passwords = none) => {
  const output: { outputProperties: unknown } = json({ outputProperties })
  return (await showOutput(output, passwords, makeMask(secrets))).outputProperties
}

t.test('a secret in a value or a key has as many stars as bytes, at any depth', async t => {
  const secret = 's3cret-ü'
  t.same(
    await shown({ url: `https://me:${secret}@host`, list: [{ deep: [secret] }], [`k-${secret}`]: true }, [
      secret,
    ]),
    {
      url: 'https://me:*********@host',
      list: [{ deep: ['*********'] }],
      'k-*********': true,
    },
  )
  t.same(await shown({ a: 12345, b: [912345.5, 7], c: true, d: null }, ['12345']), {
    a: '*****',
    b: ['9*****.5', 7],
    c: true,
    d: null,
  })
  t.equal(
    JSON.stringify(await shown(parseJson('{"a":98765432109876543210}'), ['9876'])),
    '{"a":"****543210****543210"}',
  )
})

t.test('escaped and encoded forms are masked as in a log', async t => {
  const secret = 'line one\n"two"/%'
  const base64 = Buffer.from(secret).toString('base64')
  for (const form of [encodeURIComponent(secret), JSON.stringify(secret), base64, secret]) {
    const [text] = (await shown([`<${form}>`], [secret])) as [string]
    t.notMatch(text, /line|two|bGluZ/, form)
    t.equal(text.length, form.length + 2)
  }
})

t.test('keys that are masked alike keep their values', async t => {
  t.same(await shown({ 'aaa-1': 1, 'bbb-1': 2, '***-1 (2)': 3, '***-1': 4, __proto: 5 }, ['aaa', 'bbb']), {
    '***-1': 1,
    '***-1 (2)': 2,
    '***-1 (2) (2)': 3,
    '***-1 (3)': 4,
    __proto: 5,
  })
  const odd = await shown(parseJson('{"__proto__":{"x-abc":"abc"}}'), ['abc'])
  t.equal(JSON.stringify(odd), '{"__proto__":{"x-***":"***"}}')
})

t.test('an output that is a password is hidden, at any depth, and never where it is kept', async t => {
  const passwords = new Set(['token', 'none', 'pin'])
  const given = {
    token: 'abc',
    none: null,
    pin: 1234,
    other: 'xabcx',
    server: { properties: [{ name: 'p', password: true, value: { deep: 'abc' } }] },
  }
  t.same(await shown(given, ['abc'], passwords), {
    token: hidden,
    none: null,
    pin: hidden,
    other: 'x***x',
    server: { properties: [{ name: 'p', password: true, value: hidden }] },
  })
  const kept = await maskOutput({ outputProperties: json(given) }, passwords, makeMask(['abc']))
  t.same(kept.outputProperties, { ...given, other: 'x***x' })
  t.same(secretsOfOutput({ outputProperties: given }, passwords), ['abc', '1234'])
  const large = { token: 'x'.repeat(20_000), none: 'y'.repeat(16_379), pin: 'short' }
  t.same(secretsOfOutput({ outputProperties: large }, passwords), ['short', large.none])
})

t.test('error message and reporting records are masked too', async t => {
  const output = { exitCode: 1, jobErrorMessage: 'no abc', reportingRecords: [{ id: 'abc', abc: [] }] }
  t.same(await showOutput(json(output), none, makeMask(['abc'])), {
    exitCode: 1,
    jobErrorMessage: 'no ***',
    reportingRecords: [{ id: '***', '***': [] }],
  })
  t.equal(maskText('is abc', makeMask(['abc'])), 'is ***')
})

t.test('whatever is in it, no secret stays, and what has none stays as it is', async () => {
  const secret = 'top-secret'
  const text = fc.oneof(
    fc.string(),
    fc.constant(secret),
    fc.tuple(fc.string(), fc.string()).map(([a, b]) => a + secret + b),
  )
  const values: fc.Arbitrary<unknown> = fc.jsonValue()
  const tree = fc.letrec(tie => ({
    value: fc.oneof(
      { maxDepth: 5 },
      text,
      values,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(text, tie('value'), { maxKeys: 4 }),
    ),
  })).value
  await fc.assert(
    fc.asyncProperty(tree, async value => {
      const before = JSON.stringify([value])
      const after = JSON.stringify(await shown([value], [secret]))
      return before.includes(secret) ? !after.includes(secret) : after === before
    }),
    { numRuns: runs(500) },
  )
})

t.test('neither depth nor size is a burden', async t => {
  let deep: unknown = 'abc'
  for (let level = 0; level < 200_000; level++) deep = level % 2 === 0 ? [deep] : { abc: deep }
  await showOutput({ outputProperties: { deep } }, none, makeMask(['abc']))
  let at: unknown = deep
  for (let level = 0; level < 200_000; level++) at = Object.values(at ?? {})[0]
  t.equal(at, '***')
  t.equal(Object.keys(deep ?? {})[0], '***')
  const many = Array.from({ length: 300_000 }, (_, at) => (at === 299_999 ? 'abc' : at))
  const [masked] = Object.values((await shown({ many }, ['abc'])) ?? {})
  t.same([masked.length, masked[5], masked.at(-1)], [300_000, 5, '***'])
})
