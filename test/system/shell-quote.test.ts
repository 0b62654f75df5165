import { execaSync } from 'execa'
import fc from 'fast-check'
import t from 'tap'
import { isPlainWord, shellQuote } from '../../src/system/shell-quote.ts'

t.test('a shell reads back each word as it was, whatever is in it', async t => {
  const word = fc
    .oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'\'"\\$`*?[~#!&|;<> \n\t-') }))
    .map(text => text.replaceAll('\0', '').toWellFormed())
  fc.assert(
    fc.property(fc.array(word, { minLength: 100, maxLength: 200 }), words => {
      const script = `set -- ${words.map(shellQuote).join(' ')}; for w; do printf '%s\\0' "$w"; done`
      t.equal(
        execaSync('sh', ['-c', script], { stripFinalNewline: false }).stdout,
        words.map(text => `${text}\0`).join(''),
      )
    }),
    { numRuns: 4 },
  )
})

t.test('only a word that needs quotes gets them', async t => {
  t.equal(shellQuote('/usr/bin/a_b-1.2,c=d@e%f:g+'), '/usr/bin/a_b-1.2,c=d@e%f:g+')
  t.equal(shellQuote(''), "''")
  t.equal(shellQuote('a b'), "'a b'")
  t.equal(shellQuote("it's"), "'it'\\''s'")
  for (const text of ['', '~', '*', 'a b', '$x', '#', "'", 'é', 'a\n']) t.notOk(isPlainWord(text), text)
})
