import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parse as parsePackage } from 'ini'
import t from 'tap'
import { formatDiagnostic } from '../../../src/config/diagnostic.ts'
import { decodeBytes, encodeBytes } from '../../../src/config/ini/bytes.ts'
import { parseIni } from '../../../src/config/ini/ini.ts'
import { valuesOf } from '../../support/ini-files.ts'

const parse = (text: string | Uint8Array) => parseIni(Buffer.from(text), 'runner.cfg')

t.test('any bytes come back from text as they were', async () => {
  const piece = fc.oneof(fc.string({ unit: 'binary' }).map(Buffer.from), fc.uint8Array())
  fc.assert(
    fc.property(fc.array(piece), pieces => {
      const bytes = Buffer.concat(pieces)
      assert.deepEqual(encodeBytes(decodeBytes(bytes)), bytes)
    }),
  )
})

const meanings: [title: string, text: string, values: Record<string, Record<string, string>>][] = [
  ['an empty file', '', {}],
  ['a value keeps all but the space around it', '[a]\nb =  "c"  # d \n', { a: { b: '"c"  # d' } }],
  ['the first of = and : ends the key', '[a]\nb=c:d\ne:f=g\n', { a: { b: 'c:d', e: 'f=g' } }],
  ['deeper lines continue a value', '[a]\nb = 1\n  2\n 3\nc = 4\n', { a: { b: '1\n2\n3', c: '4' } }],
  ['an empty value can be continued', '[a]\nb =\n  1\n', { a: { b: '\n1' } }],
  ['empty lines inside a value stay', '[a]\nb = 1\n\n \n  2\n\n\nc = 3\n', { a: { b: '1\n\n\n2', c: '3' } }],
  ['comments inside a value vanish', '[a]\nb = 1\n# x\n  ; y\n  2 ; z\n', { a: { b: '1\n2' } }],
  [
    'a ; without a space is no comment',
    '[a]\nb = 1;2 ;3\nc =;4\nd = ;5\n',
    { a: { b: '1;2', c: ';4', d: '' } },
  ],
  ['a section ends at the last ]', '[a]b] c\nd = 1\n', { 'a]b': { d: '1' } }],
  ['an empty section is one', '[a]\n[b]\n', { a: {}, b: {} }],
  ['a section can go on', '[a]\nb = 1\n[c]\n[a]\nd = 2\n', { a: { b: '1', d: '2' }, c: {} }],
  ['[DEFAULT] is a section', '[DEFAULT]\na = 1\n[b]\nc = 2\n', { DEFAULT: { a: '1' }, b: { c: '2' } }],
  ['keys have a case', '[a]\nB = 1\nb = 2\n', { a: { B: '1', b: '2' } }],
  [
    'all kinds of line ends',
    '\ufeff[a]\r\nb = 1\r\n  2\rc = 3\n\rd = 4',
    { a: { b: '1\n2', c: '3', d: '4' } },
  ],
  ['other white space is text', '[a]\nb = \u00a0c\u2003\u0085\n', { a: { b: '\u00a0c\u2003\u0085' } }],
  ['what says nothing ends a value', '[a]\nb = 1\nnothing\n  2\n  c = 3\nd = 4\n', { a: { b: '1', d: '4' } }],
  ['a line without a key says nothing', '[a]\n= 1\n  2\n  b = 3\nc = 4\n', { a: { c: '4' } }],
  ['lines before a section say nothing', 'a = 1\n  [b]\n[c]\nd = 2\n', { c: { d: '2' } }],
]

for (const [title, text, values] of meanings) {
  t.test(title, async t => {
    const expected = Object.entries(values).map(([name, keys]) => [name, Object.entries(keys)])
    t.strictSame(valuesOf([Buffer.from(text)]), expected)
  })
}

t.test('bytes that are no UTF-8 are kept and told of', async t => {
  const ini = parse(Buffer.from('[a]\nb = \xff\xfe\nc = \xc3\xa4\n', 'latin1'))
  t.same(
    ini.entries.map(({ value }) => Array.from(encodeBytes(value))),
    [
      [0xff, 0xfe],
      [0xc3, 0xa4],
    ],
  )
  t.match(ini.findings, [{ severity: 'error', reason: 'not-utf-8', line: 2 }])
})

t.test('entries and sections know their lines', async t => {
  const { entries, sections } = parse('# x\n[a]\nb = 1\n  2\n\nc = 3\n[d]\n[a]\nb = 4\n')
  t.same(
    entries.map(({ key, line }) => [key, line]),
    [
      ['b', 3],
      ['c', 6],
      ['b', 9],
    ],
  )
  t.same(sections, [
    { name: 'a', line: 2 },
    { name: 'd', line: 7 },
  ])
})

/** The findings about a file beside those of Python 2.7, or (`old`) only about its reading. */
const complaints: [title: string, text: string, findings: (string | RegExp)[]][] = [
  ['nothing of a plain file', '# x\n[a]\nb = 1\nc = 2\n\n[d]\nb = 3\n  4\n', []],
  ['a line before the first section', 'a = 1\n[b]\n', [/:1: error: this says nothing: it stands before/]],
  ['a line without a delimiter', '[a]\nb\n', [/:2: error: this says nothing: there is no "=" or ":" in it/]],
  ['a line without a key', '[a]\n= b\n', [/:2: error: this says nothing: there is no key/]],
  [
    'lines below one that says nothing',
    '[a]\nb\n  c = 1\n',
    [/:2: error: this says nothing/, /:3: error: this says nothing: it belongs to the line above/],
  ],
  ['text behind a header', '[a] b = 1\n', [/:1: error: " b = 1" after the section header says nothing/]],
  ['a comment behind a header', '[a] # b\n', [/:1: warning: " # b" after the section header says nothing/]],
  [
    'a header without its end',
    '[a\n[b]\n[c\n[]\n',
    [
      /:1: error: .*\n +write "\[a\]"$/,
      /:3: error: .*\n +write "\[c\]"$/,
      /:4: error: .*\n +write a name between/,
    ],
  ],
  ['a value cut at a comment', '[a]\nb = 1 ; 2\n', [/:2: warning: the value of "b" is cut .* kept "1"/]],
  ['nothing of a comment behind a header', '[a] ; b\n', []],
  [
    'a key that stands twice',
    '[a]\nb = 1\n[c]\nb = 1\n[a]\nb = 2\n',
    [/:6: warning: "b" stands in \[a\] on line 2 already; this one counts/],
  ],
  ['a NUL byte', '[a]\nb = \0\n', [/:2: error: this line contains a NUL byte/]],
]

for (const [title, text, findings] of complaints) {
  t.test(`told of is ${title}`, async t => {
    const said = parse(text).findings.filter(({ reason }) => reason !== 'python-2-differs')
    t.match(said.map(formatDiagnostic), findings)
    t.equal(said.length, findings.length)
    t.ok(said.every(({ hint }) => hint !== undefined))
  })
}

const differences: [title: string, text: string, findings: RegExp[]][] = [
  ['an indented comment', '[a]\nb = 1\n  # c\nd = 2\n', [/:2: .* read "b" as "1\\n# c"; here it is "1"/]],
  ['an empty line in a value', '[a]\nb = 1\n\n  2\n', [/:2: .* read "b" as "1\\n2"/]],
  ['a line that is not indented deeper', '[a]\n b = 1\n c = 2\n', [/:2: .* refused the whole file/]],
  ['an indented comment below a header', '[a]\n  # x\nb = 1\n', [/:2: .* refused the whole file/]],
  ['a second ;', '[a]\nb = 1;2 ;3\n', [/:2: .* read "b" as "1;2 ;3"/]],
  ['a ; on a line that continues', '[a]\nb = 1\n  2 ;3\n', [/:2: .* read "b" as "1\\n2 ;3"/]],
  ['empty quotes', '[a]\nb = ""\n', [/:2: .* read "b" as ""; here it is "\\"\\""/]],
  [
    'a ] in a section',
    '[a]b]\nc = 1\n',
    [/:2: .* did not read the key "c"/, /:2: .* read a key "c" of \[a\]/],
  ],
  ['a remark', '[a]\nrem = 1\nb = 2\n', [/:2: .* did not read the key "rem" here/]],
  ['a section for all', '[DEFAULT]\na = 1\n', [/:2: .* gave "a" to every section/]],
  ['a byte order mark', '\ufeff[a]\nb = 1\n', [/:1: .* refused a file with a byte order mark/]],
  ['a lone carriage return', '[a]\nb = 1\rc = 2\n', [/:2: .* a lone carriage return/]],
]

for (const [title, text, findings] of differences) {
  t.test(`Python 2.7 read it otherwise: ${title}`, async t => {
    const said = parse(text).findings.filter(({ reason }) => reason === 'python-2-differs')
    t.match(said.map(formatDiagnostic), findings)
    t.equal(said.length, findings.length)
  })
}

t.test('of one kind a hundred lines are told of, and how many more there are', async t => {
  const { findings } = parse(`[a]\n${'nothing\n'.repeat(1234)}`)
  t.equal(findings.length, 101)
  t.match(findings.at(-1)!.message, '1134 more lines')
})

t.test('a long line and many lines take no longer than they must', async t => {
  const long = 1_000_000
  const texts = [
    `[a]\nb = ${'c;'.repeat(long)}`,
    `[a]\nb = ${' '.repeat(long)}c${' '.repeat(long)}`,
    `[${'a]'.repeat(long)}\nb = 1`,
    `[a]\n${'b'.repeat(long)} ${' '.repeat(long)}= 1`,
    `[a]\nb = 1${'\n'.repeat(long)}  2`,
    `[a]\nb = 1${'\n '.repeat(long)}`,
    `${'x\n'.repeat(long)}`,
  ]
  for (const text of texts) t.ok(parse(text))
})

t.test('files that every dialect reads alike mean here what they mean to the package ini', async t => {
  const key = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/)
  const value = fc
    .string({ unit: fc.constantFrom(...'abcXYZ0189 _-./:@%+,*?$()é'), minLength: 1, maxLength: 20 })
    .map(text => text.trim())
    .filter(text => text !== '' && !['true', 'false', 'null'].includes(text))
  const file = fc.uniqueArray(
    fc.tuple(key, fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, minLength: 1 })),
    { selector: ([name]) => name, maxLength: 5 },
  )
  fc.assert(
    fc.property(file, sections => {
      const text = sections
        .map(([name, entries]) =>
          ['', `# ${name}`, `[${name}]`, ...entries.map(([key, value]) => `${key} = ${value}`)].join('\n'),
        )
        .join('\n')
      const theirs = Object.entries(parsePackage(text)).map(([name, keys]) => [name, Object.entries(keys)])
      assert.deepEqual(valuesOf([Buffer.from(text)]), theirs)
    }),
  )
  t.pass()
})
