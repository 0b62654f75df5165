import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { escapeAt } from '../../../src/protocol/mask/escapes.ts'
import { base64Forms, Masker, makeMask, maskBytes, shortestSecret } from '../../../src/protocol/mask/mask.ts'
import { runs } from '../../support/tier.ts'

/** Every byte of a text as a URL escape. */
const percent = (text: string, digits: (hex: string) => string = hex => hex) =>
  [...Buffer.from(text)].map(byte => `%${digits(byte.toString(16).padStart(2, '0'))}`).join('')
const lowerHex = (text: string) => text.replace(/%../g, found => found.toLowerCase())
const units = (text: string, which: RegExp) =>
  text.replace(which, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
const json = (text: string) => JSON.stringify(text).slice(1, -1)
const form = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
const base64 = (before: string, text: string, after: string) =>
  Buffer.from(before + text + after).toString('base64')

/** The encodings in which programs write a text; none of the results may be in a log. */
const encodings: Record<string, (text: string) => string> = {
  literal: text => text,
  encodeURIComponent,
  'encodeURIComponent, small digits': text => lowerHex(encodeURIComponent(text)),
  'a form': form,
  'a form, small digits': text => lowerHex(form(text)),
  'every byte escaped for a URL': text => percent(text),
  'every byte escaped for a URL, large digits': text => percent(text, hex => hex.toUpperCase()),
  base64: text => base64('', text, ''),
  'base64 without padding': text => base64('', text, '').replace(/=+$/, ''),
  base64url: text => Buffer.from(text).toString('base64url'),
  'base64 in a form': text => form(base64('', text, '')),
  'base64 in JSON of PHP': text => base64('', text, '').replaceAll('/', '\\/'),
  JSON: json,
  'JSON of Python': text => units(json(text), /[^ -~]/g),
  'JSON of PHP': text => units(json(text).replaceAll('/', '\\/'), /[^ -~]/g),
  'JSON of Go': text => units(json(text), /[<>&\u2028\u2029]/g),
  'JSON with every character escaped': text => units(text, /[\u0000-\uffff]/g),
}

/** No surrogates alone, which no encoding of text has; no `*`, which stars would spell. */
const secretText = fc
  .oneof(
    fc.string({ minLength: 3, maxLength: 40 }),
    fc.string({ unit: 'grapheme', minLength: 3, maxLength: 20 }),
    fc.string({
      unit: fc.constantFrom('a', 'b', '\\', '%', '/', '+', ' ', '"', '2', '5', 'u', 'n', 'é', '😀'),
    }),
    fc
      .array(fc.stringMatching(/^[a-z{} ":]{0,12}$/), { minLength: 1, maxLength: 4 })
      .map(lines => lines.join('\n')),
  )
  .filter(
    text => text.isWellFormed() && !text.includes('*') && Buffer.byteLength(text.trim()) >= shortestSecret,
  )

const filler = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: fc.constantFrom('\\', '%', '2', '+', '\n', '\\u', 'a', '"'), maxLength: 6 }),
)

/** A log with secrets in it, cut somewhere; and what must not be in what comes out. */
const logs = fc.array(secretText, { minLength: 1, maxLength: 4 }).chain(secrets =>
  fc.record({
    secrets: fc.constant(secrets),
    pieces: fc.array(
      fc.oneof(
        filler.map(text => ({ text, hidden: '' })),
        fc
          .tuple(fc.constantFrom(...secrets), fc.constantFrom(...Object.values(encodings)))
          .map(([secret, encode]) => ({ text: encode(secret), hidden: encode(secret) })),
      ),
      { maxLength: 8 },
    ),
    cuts: fc.array(fc.nat(400)),
  }),
)

function masked(log: Buffer, secrets: string[], cuts: number[]): Buffer {
  const masker = new Masker(makeMask(secrets))
  const at = [0, ...cuts.filter(cut => cut < log.length).sort((a, b) => a - b), log.length]
  const chunks = at.slice(1).map((end, i) => log.subarray(at[i], end))
  return Buffer.concat([...chunks.map(chunk => Buffer.from(masker.push(chunk))), masker.end()])
}

t.test('no secret comes through in any encoding, wherever the log is cut', async () => {
  fc.assert(
    fc.property(logs, ({ secrets, pieces, cuts }) => {
      const log = Buffer.from(pieces.map(({ text }) => text).join(''))
      const out = masked(log, secrets, cuts)
      assert.equal(out.length, log.length)
      assert.deepEqual(out, Buffer.from(maskBytes(log, makeMask(secrets))), 'in pieces as in one')
      for (const [i, byte] of out.entries()) assert.ok(byte === log[i] || byte === 0x2a)
      for (const { hidden } of pieces) if (hidden !== '') assert.ok(!out.includes(hidden), hidden)
    }),
    { numRuns: runs(600) },
  )
})

for (const [name, encode] of Object.entries(encodings))
  t.test(`a secret is masked whole: ${name}`, async t => {
    const secret = 'p<ä"/\\ 😀>+w?'
    const text = encode(secret)
    const out = Buffer.from(maskBytes(Buffer.from(`- ${text} -`), makeMask([secret]))).toString()
    t.equal(out, `- ${'*'.repeat(Buffer.byteLength(text))} -`)
  })

t.test('a secret inside what was encoded in base64 is masked wherever it stands', async () => {
  const text = fc.string({ minLength: 8, maxLength: 30 }).filter(text => text.trim().length > 7)
  const bytes = fc.uint8Array({ maxLength: 10 })
  fc.assert(
    fc.property(
      text,
      bytes,
      bytes,
      fc.constantFrom('base64', 'base64url'),
      (secret, before, after, encoding) => {
        const log = Buffer.concat([before, Buffer.from(secret), after]).toString(encoding as 'base64')
        const out = Buffer.from(maskBytes(Buffer.from(log), makeMask([secret]))).toString()
        // All that depends on nothing but the secret.
        const from = Math.ceil((before.length * 8) / 6)
        const to = Math.floor(((before.length + Buffer.byteLength(secret)) * 8) / 6)
        assert.match(out.slice(from, to), /^\*+$/)
      },
    ),
    { numRuns: runs(500) },
  )
})

t.test('base64 of a long secret is masked where it is broken into lines', async t => {
  const secret = Buffer.from(Array.from({ length: 300 }, (_, i) => 33 + ((i * 7) % 90))).toString()
  for (const end of ['\n', '\r\n', '\\n'])
    for (const width of [64, 76]) {
      const text = Buffer.from(`user:${secret}`)
        .toString('base64')
        .match(new RegExp(`.{1,${width}}`, 'g'))!
      const out = Buffer.from(maskBytes(Buffer.from(text.join(end)), makeMask([secret]))).toString()
      t.match(out, /^.{7}\*+=?$/, `${width}, ${JSON.stringify(end)}`)
    }
})

t.test('each line of a secret with several is a secret', async t => {
  const secret = '-----BEGIN KEY-----\r\n  abcdef\n}\n'
  const out = maskBytes(Buffer.from('see abcdef} and BEGIN KEY'), makeMask([secret]))
  t.equal(Buffer.from(out).toString(), 'see ******} and BEGIN KEY')
})

t.test('a secret that is too short is left alone', async t => {
  const mask = makeMask(['', 'ab', ' x ', '   ', 'é', 'long enough'])
  t.equal(
    Buffer.from(maskBytes(Buffer.from('ab x é long enough'), mask)).toString(),
    `ab x é ${'*'.repeat(11)}`,
  )
})

t.test('a plus sign is read as itself and as a space, whatever else is read beside it', async t => {
  const secrets = ['+aa\\  ', ' aaa', 'aaa']
  t.equal(Buffer.from(maskBytes(Buffer.from('+a%61%5c'), makeMask(secrets))).toString(), '*'.repeat(8))
  t.equal(Buffer.from(maskBytes(Buffer.from('+a%61%61'), makeMask(secrets))).toString(), '*'.repeat(8))
})

t.test('secrets that overlap are all masked', async t => {
  const show = (secrets: string[], text: string) =>
    Buffer.from(maskBytes(Buffer.from(text), makeMask(secrets))).toString()
  t.equal(show(['abcd', 'cdef', 'bcd'], 'xabcdefx'), 'x******x')
  t.equal(show(['aaa'], 'aaaaab'), '*****b')
  t.equal(show(['abcdef', 'cde'], 'abcdex'), 'ab***x')
})

t.test('only what may become a secret is held back', async t => {
  const masker = new Masker(makeMask(['secret']))
  const push = (text: string) => Buffer.from(masker.push(Buffer.from(text))).toString()
  t.equal(push('a line\n'), 'a line\n')
  t.equal(push('se'), '')
  t.equal(push('e sec'), 'see ')
  t.equal(push('re%7'), '')
  t.equal(push('4, 50%'), '********, 50')
  t.equal(Buffer.from(masker.end()).toString(), '%')
  t.equal(push('ret'), 'ret')
})

t.test('what goes in is not changed', async t => {
  const bytes = Buffer.from('a secret')
  maskBytes(bytes, makeMask(['secret']))
  t.equal(bytes.toString(), 'a secret')
})

/** Masks by trying every form of every secret at every place, in every way in which its (ASCII) bytes may be written. */
function maskedNaively(text: Buffer, secrets: string[]): Buffer {
  const out = Buffer.from(text)
  const wanted = secrets
    .flatMap(secret => [secret, secret.trim()])
    .filter(secret => Buffer.byteLength(secret.trim()) >= shortestSecret)
    .flatMap(secret => [secret, ...base64Forms(Buffer.from(secret))])
    .map(form => Buffer.from(form))
  const ends = (at: number, form: Buffer, index: number): number[] => {
    if (index === form.length) return [at]
    if (at >= text.length) return []
    const plain = text[at] === form[index] ? ends(at + 1, form, index + 1) : []
    const found = escapeAt(text, at)
    if (typeof found !== 'object') return plain
    const next = index + found.bytes.length
    const fits = found.bytes.every((byte, offset) => form[index + offset] === byte)
    return fits ? [...plain, ...ends(at + found.length, form, next)] : plain
  }
  for (const form of wanted)
    for (let at = 0; at < text.length; at++) for (const end of ends(at, form, 0)) out.fill('*', at, end)
  return out
}

t.test('what is masked is what is masked by trying everything', async () => {
  const unit = fc.constantFrom('a', '\\', '+', ' ', 'n')
  const secret = fc.string({ unit, minLength: 3, maxLength: 6 })
  const text = fc.string({
    unit: fc.constantFrom(
      'a',
      '\\',
      '+',
      ' ',
      'n',
      '%',
      '5',
      'c',
      '2',
      '0',
      '%5c',
      '%61',
      '\\\\',
      '\\n',
      '\\u0061',
    ),
    maxLength: 14,
  })
  fc.assert(
    fc.property(fc.array(secret, { minLength: 1, maxLength: 3 }), text, (secrets, log) => {
      const bytes = Buffer.from(log)
      const out = Buffer.from(maskBytes(bytes, makeMask(secrets)))
      assert.equal(out.toString(), maskedNaively(bytes, secrets).toString())
    }),
    { numRuns: runs(800) },
  )
})

const times = (text: string, count: number) => text.repeat(count)

/** Secrets and logs that have a search fall back, fork and mask as much as they can. */
const hostile: [title: string, secrets: string[], log: (size: number) => string][] = [
  ['backslashes', [times('\\', 600)], size => times('\\', size)],
  ['backslashes that are no secret', [`${times('\\', 600)}x`], size => times('\\', size)],
  ['escaped backslashes', [times('\\', 600)], size => times('\\u005c', size / 6)],
  ['plus signs, and a secret with a space', [times('+', 600), 'x y'], size => times('+', size)],
  ['a long secret of one character', [times('a', 100_000)], size => times('a', size)],
  ['the same, escaped', [times('a', 20_000)], size => times('%61', size / 3)],
  [
    'a long secret with a short one in it',
    [times('abcdefghij', 5000), 'cde'],
    size => times('abcdefghij', size / 10),
  ],
  [
    'secrets that begin alike',
    Array.from({ length: 600 }, (_, index) => times('a', index + 3)),
    size => times('a', size),
  ],
  [
    'thousands of secrets',
    Array.from({ length: 5000 }, (_, index) => `k${index}`),
    size => times('k4999 %6b1 ', size / 11),
  ],
  ['digits that may be escapes', [times('%25', 200), times('5', 300)], size => times('%255', size / 4)],
]

for (const [title, secrets, log] of hostile)
  t.test(`the search takes no longer for hostile secrets: ${title}`, async t => {
    const mask = makeMask(secrets)
    const stepsOf = (size: number) => {
      const masker = new Masker(mask)
      const bytes = Buffer.from(log(size))
      for (let at = 0; at < bytes.length; at += 10_000) masker.push(bytes.subarray(at, at + 10_000))
      masker.end()
      return masker.steps
    }
    const size = runs(500_000)
    const [small, large] = [stepsOf(size / 2), stepsOf(size)]
    t.ok(large <= 2.5 * small, `${small} steps, and ${large} for twice as much`)
    t.ok(large <= size * 80, `${(large / size).toFixed(1)} steps for each byte`)
  })
