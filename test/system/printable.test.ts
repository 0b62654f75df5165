import fc from 'fast-check'
import t from 'tap'
import {
  blanked,
  escaped,
  harmless,
  harmlessCharacter,
  jsonText,
  printable,
  shown,
  TerminalText,
} from '../../src/system/printable.ts'

/** Each kind of character that a terminal takes for something else than text. */
const hostile = [
  ...Array.from({ length: 0x20 }, (_, code) => code),
  ...Array.from({ length: 0x21 }, (_, index) => 0x7f + index),
  0x61c,
  0x200e,
  0x200f,
  0x2028,
  0x2029,
  0x202a,
  0x202b,
  0x202c,
  0x202d,
  0x202e,
  0x2066,
  0x2067,
  0x2068,
  0x2069,
].map(code => String.fromCharCode(code))
const isHostile = (text: string, allowed: string) =>
  hostile.some(character => !allowed.includes(character) && text.includes(character))

t.test(
  'hostile are exactly the characters that Unicode calls controls, separators of lines, or marks of direction',
  async t => {
    const harmlessOne = new RegExp(`^${harmlessCharacter}$`, 'u')
    const wrong: string[] = []
    for (let code = 0; code <= 0x10ffff; code++) {
      const character = String.fromCodePoint(code)
      if (harmlessOne.test(character) === /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(character))
        wrong.push(code.toString(16))
    }
    t.same(wrong, [])
  },
)

t.test('no way of showing a text lets a hostile character through', async t => {
  for (const character of hostile) {
    const text = `a${character}b`
    t.notOk(isHostile(escaped(text), '\t'), escaped(text))
    t.notOk(isHostile(harmless(text), '\t\n'), escaped(text))
    t.notOk(isHostile(blanked(text), ''), escaped(text))
    t.notOk(isHostile(printable(text), '\t\n'), escaped(text))
    t.notOk(isHostile(shown(text), ''), escaped(text))
    t.notOk(isHostile(jsonText({ text }), ''), escaped(text))
    t.same(JSON.parse(jsonText({ text }, 2)), { text }, 'a parser reads the same')
  }
  t.equal(escaped('a\nb\r\x1b[2J\u202e\u009b\tc'), 'a\\nb\\r\\x1b[2J\\u202e\\x9b\tc')
  t.equal(harmless('a\r\nb\rc\x07'), 'a\nb\\rc\\x07')
  t.equal(blanked('\x1b a\n\nb '), 'a b')
  t.equal(shown('a b'), 'a b')
  t.equal(shown('a\nb\x1b[31m'), '"a\\nb\\u001b[31m"')
})

t.test('what would move the cursor or change colours is not printable', async t => {
  t.equal(printable('a\x1b[2J\x1b[1;31mb\x07\x9b\tc\x7f'), 'ab\tc')
  t.equal(printable('get 1%\rget 50%\rget 99%\r'), 'get 99%', 'of what was written over the last is left')
  t.equal(printable('\x1b]0;title\x07a\x1b]8;;http://host\x1b\\b\u202ec\u200f'), 'abc')
})

/** The bytes that a terminal gets of an output in these pieces. */
function onTerminal(...pieces: (string | Uint8Array)[]): string {
  const text = new TerminalText()
  return pieces.map(piece => text.push(piece)).join('') + text.end()
}

t.test('on a terminal a job has its colours, and nothing else of what a terminal obeys', async t => {
  t.equal(onTerminal('\x1b[1;31mred\x1b[0m\n'), '\x1b[1;31mred\x1b[0m\n')
  t.equal(onTerminal('\x1b[38:2::1:2:3mx\n'), '\x1b[38:2::1:2:3mx\n\x1b[0m', 'a colour ends with the output')
  t.equal(onTerminal('a\x1b]52;c;aGk=\x07\n'), 'a\\x1b]52;c;aGk=\\x07\n')
  t.equal(onTerminal('a\x1b[2J\x1b[H\x1b[1A\n'), 'a\\x1b[2J\\x1b[H\\x1b[1A\n')
  t.equal(onTerminal('a\u009b2J\u202e\b\x7f\n'), 'a\\x9b2J\\u202e\\x08\\x7f\n')
  t.equal(onTerminal(Buffer.from([0x61, 0x9b, 0xff, 0x0a])), 'a\ufffd\ufffd\n', 'bytes that are no UTF-8')
  t.equal(onTerminal('1%\r2%\r\n'), '1%\n2%\n', 'nothing is written over')
  t.equal(onTerminal('half'), 'half\n')
  t.equal(
    onTerminal(`\x1b[${'1;'.repeat(100)}mx\n`),
    `\\x1b[${'1;'.repeat(100)}mx\n`,
    'no colour is that long',
  )
})

t.test("a line that begins as runner's own do is marked", async t => {
  t.equal(onTerminal('runner: job succeeded\n'), 'runner (job): job succeeded\n')
  t.equal(onTerminal('x\rrunner: succeeded\r'), 'x\nrunner (job): succeeded\n')
  t.equal(onTerminal('\x1b[1mrun\x1b[0mner\u200b: x\n'), '\x1b[1mrun\x1b[0mner\u200b (job): x\n')
  t.equal(onTerminal('  Runner\uff1a x\n'), '  Runner (job)\uff1a x\n')
  t.equal(onTerminal('a runner: x\nrunners: x\n'), 'a runner: x\nrunners: x\n')
})

const piece = fc.oneof(
  fc.constantFrom(
    ...hostile,
    '\x1b[31m',
    '\x1b[m',
    '\x1b[',
    '\x1b]0;t',
    '\r\n',
    'runner:',
    'run',
    'ner:',
    'é',
  ),
  fc.string({ maxLength: 5 }),
)
t.test('however the output is cut into pieces, a terminal gets the same', async t => {
  fc.assert(
    fc.property(fc.array(piece), fc.array(fc.nat(7)), (parts, cuts) => {
      const bytes = Buffer.from(parts.join(''))
      const pieces: Buffer[] = []
      let at = 0
      for (const cut of cuts) {
        pieces.push(bytes.subarray(at, at + cut))
        at += cut
      }
      const whole = onTerminal(bytes)
      const colourless = whole.replaceAll(/\x1b\[[0-9;:]*m/g, '')
      return onTerminal(...pieces, bytes.subarray(at)) === whole && !isHostile(colourless, '\t\n')
    }),
  )
  t.pass()
})

t.test('words of runner in between begin on a line of their own, without the colour of the job', async t => {
  const text = new TerminalText()
  t.equal(text.push('\x1b[8mhidden'), '\x1b[8mhidden')
  t.equal(text.fresh(), '\x1b[0m\n')
  t.equal(text.fresh(), '')
  t.equal(text.push('runner: x'), 'runner (job): x')
})
