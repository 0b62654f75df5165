import fc from 'fast-check'
import t from 'tap'
import { parseJson, rawNumber } from '../../src/protocol/exact-json.ts'

t.test('numbers keep all their digits', async t => {
  for (const text of [
    '12345678901234567890',
    '-9007199254740993',
    '9007199254740993.5',
    '0.1000000000000000055',
    '123456789.123456789123456789',
    '1e400',
    '-1E-400',
    '1e99999999999999999999999',
    `1${'0'.repeat(400_000)}1`,
    `0.${'0'.repeat(400_000)}1`,
    `1e${'0'.repeat(400_000)}1`,
  ]) {
    t.ok(rawNumber(parseJson(text)) === text, text.slice(0, 30))
    const whole = `{"a":[${text}],"b":{"c":${text}}}`
    t.ok(JSON.stringify(parseJson(whole)) === whole)
    t.ok(JSON.stringify(parseJson(`[ 1, ${text} ,"${text}"]`)) === `[1,${text},"${text}"]`)
  }
})

t.test('what JavaScript holds is a number', async t => {
  for (const text of [
    '0',
    '-0',
    '1.0',
    '1e5',
    '1E+2',
    '100000000000000000000000',
    '0.30000000000000004',
    '9007199254740992',
    '1.7976931348623157e308',
    '5e-324',
    '0.000000000000000000000000',
    '0e99',
    '12345678901234567000',
  ])
    t.equal(parseJson(text), JSON.parse(text), text)
  t.equal(rawNumber({ rawJSON: '1' }), undefined)
})

t.test('all else is as JSON.parse has it', async t => {
  fc.assert(
    fc.property(fc.json(), text => {
      t.same(parseJson(text), JSON.parse(text))
    }),
  )
  t.equal(JSON.stringify(parseJson('{"__proto__":{"a":1e5}}')), '{"__proto__":{"a":100000}}')
  for (const text of ['', '{', '[1e5', 'NaN', '1e', '01']) t.throws(() => parseJson(text), SyntaxError)
  const deep = `${'['.repeat(100_000)}1e400${']'.repeat(100_000)}`
  t.ok(Array.isArray(parseJson(deep)), 'no stack is too small')
})
