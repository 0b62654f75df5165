import t from 'tap'
import { parseJson } from '../../../src/protocol/exact-json.ts'
import { passwordOutputs, passwordsIn, secretsOfInput, textsOf } from '../../../src/protocol/mask/secrets.ts'

t.test('secrets are found wherever they are', async t => {
  const input = {
    release: { automatedTaskAsUser: { username: 'u', password: 'run-as' } },
    task: {
      type: 'a.B',
      properties: [
        { name: 'plain', value: 'shown' },
        { name: 'pw', password: true, value: 'one' },
        { name: 'none', password: true, value: null },
        { name: 'list', password: true, value: ['two', { deep: 'three' }] },
        {
          name: 'ci',
          kind: 'CI',
          value: { id: 'x', properties: [{ name: 'p', password: true, value: 'four' }] },
        },
        { name: 'token', category: 'output', password: true },
      ],
    },
  }
  t.same(secretsOfInput(input).sort(), ['four', 'one', 'run-as', 'three', 'two'])
  t.same(secretsOfInput({ release: null, task: input.task }).length, 4)
})

t.test('of a configuration item the values are secret, and numbers with all digits', async t => {
  const server = { id: 'Applications/s', type: 'a.S', properties: [{ name: 'url', value: 'https://s' }] }
  t.same(textsOf(server), ['https://s'])
  t.same(textsOf(parseJson('[1234, true, null, "", 12345678901234567890]')), ['1234', '12345678901234567890'])
})

t.test('an output is a password if any property of its name in the input says so', async t => {
  const properties = [
    { name: 'a', category: 'output', password: true },
    { name: 'b', category: 'FOLDER_CONFIG', password: true },
    { name: 'c', password: true, value: 'x' },
    { name: 'd', category: 'output', password: false },
    { name: 'e', category: 'output', password: null },
  ]
  t.same([...passwordOutputs({ task: { type: 'a.B', properties } })], ['a', 'b', 'c'])
})

t.test('no depth and no size is a burden', async t => {
  let deep: unknown = { password: true, value: 'deep' }
  for (let level = 0; level < 200_000; level++) deep = [deep]
  t.same(passwordsIn(deep), ['deep'])
  const value = Array.from({ length: 300_000 }, (_, at) => `secret ${at}`)
  t.equal(passwordsIn({ password: true, value }).length, 300_000)
})
