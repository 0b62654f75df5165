import fc from 'fast-check'
import t from 'tap'
import { checkValues } from '../../src/config/check-section.ts'
import * as forms from '../../src/config/forms.ts'
import { sections } from '../../src/config/sections/all.ts'
import type { Setting } from '../../src/config/setting.ts'

/** Whether the schema and the rules of a key take a text. */
function takes(name: keyof typeof sections, key: string, value: string): boolean {
  const entries = new Map<string, Setting>([[key, { value }]])
  return checkValues(name, sections[name].keys, entries).findings.length === 0
}

t.test('sizes have units, which are powers of 1024', async t => {
  const size = forms.size()
  for (const [text, bytes] of Object.entries({ 7: 7, '2k': 2048, '2K': 2048, '3M': 3 * 1024 ** 2 }))
    t.equal(size.read(text, '/'), bytes, text)
  for (const text of ['', '1.5M', 'M', '1MB', '-1']) t.notOk(takes('runner', 'min_free', text), text)
})

t.test('times are decimal numbers of at least 0', async () => {
  fc.assert(
    fc.property(fc.nat({ max: 1e9 }), fc.nat({ max: 1e9 - 1 }), (whole, part) => {
      const text = `${whole}.${part}`
      return takes('runner', 'max_time', text) && forms.seconds().read(text, '/') === Number(text)
    }),
  )
})

t.test(
  'a relative path, and a relative program with a slash, belong to the folder of their file',
  async t => {
    t.equal(forms.path().read('a/../b', '/etc/runner'), '/etc/runner/b')
    t.equal(forms.path().read('/b', '/etc/runner'), '/b')
    t.same(forms.commandWords().read(`bin/x 'a b' c`, '/etc'), ['/etc/bin/x', 'a b', 'c'])
    t.same(forms.commandWords().read('x bin/y', '/etc'), ['x', 'bin/y'])
    t.same(forms.database().read('sqlite:a.db', '/etc'), { engine: 'sqlite', path: '/etc/a.db' })
  },
)

t.test('names are parted by commas and line feeds, and each counts once', async t => {
  t.same(forms.names().read(' a, b\nc,,a ', '/'), ['a', 'b', 'c'])
})

t.test('of several words the first is the default, and all are named', async t => {
  const { form, preset, absent } = forms.oneOf('missing', 'always', 'never')
  t.same([form, preset, absent], ['missing, always or never', 'missing', 'missing'])
})

t.test('a rule is about the value, and its hint is the default', async t => {
  const { rules } = forms.seconds(60).must(value => value > 0, 'it must be more than 0')
  t.equal(rules[0]!('lease', '0.1'), undefined)
  t.same(rules[0]!('lease', '0'), {
    message: 'lease is 0; it must be more than 0',
    hint: 'the default is 60',
  })
})
