import fc from 'fast-check'

/** What a file is made of: everything that means something somewhere, and everything a shell trips over. */
const names = [
  'a',
  'b',
  'a.b',
  'two words',
  'Á',
  'ñandú',
  '[',
  ']',
  'a]b',
  '-n',
  '-e',
  '%s',
  '$(x)',
  '`x`',
  '*',
  '?',
]
const marks = [
  '=',
  ':',
  ';',
  '#',
  '[',
  ']',
  ' ;',
  ' #',
  ' =',
  '"',
  '""',
  "'",
  '\\',
  '\\n',
  '\\',
  '~',
  '!',
  '&',
  '|',
]
const blanks = ['', '', ' ', ' ', '  ', '\t', '    ', ' \t ']
/** White space that is neither blank nor the end of a line, and other control characters. */
const oddities = ['\f', '\v', '\x1c', '\x1f', '\x01', '\x7f', '\x1b']

const piece = (odd: boolean): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...names) },
    { weight: 4, arbitrary: fc.constantFrom(...marks) },
    { weight: 4, arbitrary: fc.constantFrom(...blanks) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('1', '007', 'true', 'https://host/#part', 'Ā', 'ā', '😀', 'rem'),
    },
    ...(odd ? [{ weight: 1, arbitrary: fc.constantFrom(...oddities) }] : []),
  )

const text = (odd: boolean) => fc.array(piece(odd), { maxLength: 5 }).map(pieces => pieces.join(''))
const blank = (odd: boolean) =>
  odd
    ? fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...blanks) }, fc.constantFrom(...oddities))
    : fc.constantFrom(...blanks)

function line(odd: boolean): fc.Arbitrary<string> {
  const name = fc.constantFrom('a', 'b', 'a', 'Á', 'two words', '-n', '*', 'DEFAULT', 'runner', ']', 'a]b')
  const space = blank(odd)
  const join = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map(all => all.join(''))
  return fc.oneof(
    { weight: 8, arbitrary: join(space, name, space, fc.constantFrom('=', ':'), space, text(odd), space) },
    {
      weight: 3,
      arbitrary: join(
        fc.constantFrom('', '', ' ', '\t'),
        fc.constant('['),
        name,
        fc.constantFrom(']', '] ', ']x', '] ; x', ''),
      ),
    },
    { weight: 4, arbitrary: join(fc.constantFrom(' ', '  ', '    ', '\t', '\t\t'), text(odd)) },
    { weight: 2, arbitrary: join(space, fc.constantFrom('#', ';', 'rem ', 'REM'), text(odd)) },
    { weight: 3, arbitrary: space },
    { weight: 1, arbitrary: text(odd) },
  )
}

export interface IniText {
  /** Control characters and lone carriage returns may occur. */
  odd: boolean
}

/** Adversarial files; without `odd` ones that people write, if they are in an odd mood. */
export function iniText({ odd }: IniText): fc.Arbitrary<string> {
  const end = odd ? fc.constantFrom('\n', '\n', '\n', '\r\n', '\r') : fc.constant('\n')
  const lines = fc.array(fc.tuple(line(odd), end), { maxLength: 16 })
  const windows = fc.boolean().map(yes => yes && odd)
  return fc
    .record({
      start: fc.constantFrom('', '', '', odd ? '\ufeff' : ''),
      header: fc.constantFrom('[a]\n', '[a]\n', '[b]\n', '[runner]\n', ''),
      lines,
      windows,
      cut: fc.boolean(),
    })
    .map(({ start, header, lines, windows, cut }) => {
      const all = start + header + lines.map(([line, end]) => line + end).join('')
      const whole = cut ? all.replace(/[\r\n]+$/, '') : all
      return windows ? whole.replace(/(?<!\r)\n/g, '\r\n') : whole
    })
}

/** The same as bytes, some of them no UTF-8. */
export const iniBytes = (kind: IniText): fc.Arbitrary<Buffer> =>
  fc
    .tuple(iniText(kind), fc.constantFrom(undefined, undefined, undefined, 0xff, 0xc3, 0x80, 0xed))
    .map(([text, byte]) => {
      const bytes = Buffer.from(text)
      return byte === undefined ? bytes : Buffer.from(bytes.map(value => (value === 0x3f ? byte : value)))
    })

export const includedName = fc.constantFrom('10-a', '9-b')
