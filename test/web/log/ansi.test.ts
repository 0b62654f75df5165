import t from 'tap'
import { escaped } from '../../../src/system/printable.ts'
import { AnsiReader, visible } from '../../../src/web/log/ansi.ts'

const of = (line: string, reader = new AnsiReader()) =>
  reader.segments(line).map(({ text, classes }) => (classes === '' ? text : `${text}|${classes}`))

t.test('colours become classes, and last until they end', t => {
  t.strictSame(of('a\x1b[31mb\x1b[0mc'), ['a', 'b|ansi-red-fg', 'c'])
  t.strictSame(of('\x1b[1mA\x1b[4mB\x1b[0m'), ['A|ansi-bold', 'B|ansi-bold ansi-underline'])
  t.strictSame(of('\x1b[97;41mx'), ['x|ansi-white-fg ansi-red-bg'])
  t.strictSame(of('\x1b[38;5;196mx\x1b[38;5;244my\x1b[38;2;10;10;250mz\x1b[38;5;9mw'), [
    'x|ansi-red-fg',
    'y|ansi-white-fg',
    'z|ansi-blue-fg',
    'w|ansi-red-fg',
  ])
  const reader = new AnsiReader()
  t.strictSame(of('\x1b[32mone', reader), ['one|ansi-green-fg'])
  t.strictSame(of('two\x1b[0m', reader), ['two|ansi-green-fg'])
  t.strictSame(of('three', reader), ['three'])
  t.end()
})

t.test('commands to a terminal do nothing, and nothing is hidden', t => {
  t.strictSame(of('\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\').join(''), 'alink')
  t.strictSame(of('\x1b[2J\x1b[1;1Hx').join(''), 'x')
  t.strictSame(of('\x1b(Bx\x1bcy').join(''), 'xy')
  t.strictSame(of('a\x1b]0;no end').join(''), 'a\u241b]0;no end', 'a command without an end is text')
  t.strictSame(of('\x00\x08\x7f\t'), ['\u2400\u2408\u2421\t'])
  t.strictSame(of('a\u202eb\x9b'), ['a\\u202eb\\u009b'])
  t.strictSame(of('\x1b[8mhidden'), ['hidden'])
  t.strictSame(of('<b onclick="x">&amp;'), ['<b onclick="x">&amp;'])
  t.end()
})

// The page imports only types of other folders, so the browser has a list of its own.
t.test('the page shows the same characters by signs as the commands do', t => {
  for (let code = 0; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code)
    if ((visible(character) === character) !== (escaped(character) === character))
      t.fail(`U+${code.toString(16)} is hostile for one of the two alone`)
  }
  t.not(visible('\u202e'), '\u202e')
  t.equal(visible('\t'), '\t')
  t.end()
})
