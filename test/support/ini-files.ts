import fc from 'fast-check'
import { parseIni } from '../../src/config/ini/ini.ts'
import { mergeFiles } from '../../src/config/sources.ts'
import type { Values } from './oracle.ts'

/**
 * The words of which lines are made: all that have a meaning somewhere, and some on which a shell may
 * stumble.
 */
const words = [
  'a',
  'b',
  'a.b',
  'two words',
  'ñandú',
  'Ā',
  'ā',
  'È',
  '😀',
  '1',
  '007',
  'https://host/#part',
  'rem',
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
  ' = ',
  '"',
  '""',
  "'",
  '\\',
  '\\n',
  '\\0',
  '~',
  '&',
  '|',
  '-n',
]
const shellish = ['%s', '$(x)', '`x`', '$x', '*', '?', '!', '<', '-e', '{a,b}']
const blanks = ['', '', ' ', ' ', '  ', '\t', '    ', ' \t ']
/** White space that is neither blank nor the end of a line, and other control characters. */
const oddities = ['\f', '\v', '\x1c', '\x1f', '\x01', '\x7f', '\x1b']

const keys = ['a', 'b', 'a', 'b', 'a', 'Á', 'two words', '-n', '*', '[a', 'include_dir_']
const sections = ['a', 'b', 'a', 'b', 'runner', 'DEFAULT', ']', 'a]b', '']

const join = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map(all => all.join(''))
const one = (...choices: string[]) => fc.constantFrom(...choices)

function line(odd: boolean): fc.Arbitrary<string> {
  const space = odd
    ? fc.oneof({ weight: 5, arbitrary: one(...blanks) }, { weight: 1, arbitrary: one(...oddities) })
    : one(...blanks)
  const piece = fc.oneof(
    { weight: 6, arbitrary: one(...words) },
    { weight: 4, arbitrary: one(...marks) },
    { weight: 1, arbitrary: one(...shellish) },
    { weight: 4, arbitrary: space },
  )
  const text = fc.array(piece, { maxLength: 5 }).map(pieces => pieces.join(''))
  const header = join(
    one('', '', ' ', '\t'),
    one('['),
    one(...sections),
    one(']', ']', '] ', ']x', ']=1', '] ; x', ''),
  )
  return fc.oneof(
    { weight: 8, arbitrary: join(space, one(...keys), space, one('=', ':'), space, text, space) },
    { weight: 4, arbitrary: header },
    { weight: 4, arbitrary: join(one(' ', '  ', '    ', '\t', '\t\t'), text) },
    { weight: 2, arbitrary: join(space, one('#', ';', 'rem ', 'REM'), text) },
    { weight: 3, arbitrary: space },
    { weight: 1, arbitrary: text },
  )
}

export interface IniKind {
  /** Control characters, byte order marks and all kinds of line ends may occur. */
  odd: boolean
}

/** Files that are as hard to read as they can be, and a little harder if they are `odd`. */
function iniText({ odd }: IniKind): fc.Arbitrary<string> {
  const end = odd ? one('\n', '\n', '\n', '\r\n', '\r') : one('\n')
  return fc
    .record({
      start: odd ? one('', '', '', '\ufeff') : one(''),
      header: one('[a]\n', '[a]\n', '[b]\n', '[runner]\n', ''),
      lines: fc.array(join(line(odd), end), { maxLength: 16 }),
      windows: odd ? fc.boolean() : fc.constant(false),
      unfinished: fc.boolean(),
    })
    .map(({ start, header, lines, windows, unfinished }) => {
      const text = start + header + lines.join('')
      const cut = unfinished ? text.replace(/[\r\n]+$/, '') : text
      return windows ? cut.replace(/(?<!\r)\n/g, '\r\n') : cut
    })
}

/** The same as bytes; in some files there are bytes that are no UTF-8. */
export function iniBytes(kind: IniKind): fc.Arbitrary<Buffer> {
  const intruder = fc.constantFrom(undefined, undefined, undefined, 0xff, 0xc3, 0x80, 0xed)
  return fc.tuple(iniText(kind), intruder).map(([text, byte]) => {
    const bytes = Buffer.from(text)
    const hole = '?'.charCodeAt(0)
    return byte === undefined ? bytes : Buffer.from(bytes.map(value => (value === hole ? byte : value)))
  })
}

/** A main file that names an include_dir, and by name the files in it, of which some do not count. */
export interface IncludeCase {
  main: string
  included: [name: string, text: string][]
}

const fileNames = [
  '10-a',
  '9-b',
  'B',
  'a',
  'Z',
  'é',
  '-n',
  '*',
  'a b',
  "it's",
  'new\nline',
  'a=b',
  '\\',
  '[x]',
]
const otherNames = [
  '.hidden',
  'a~',
  'a.bak',
  'a.orig',
  'a.rej',
  'a.swp',
  'a.rpmsave',
  'a.dpkg-old',
  'a.ucf-new',
]

export const includeCase: fc.Arbitrary<IncludeCase> = fc
  .record({
    before: one('', '# why\n', '# a long story\n'.repeat(80), '[runner]\ninclude_dir = other\n'),
    setting: one(
      'include_dir=conf.d',
      'include_dir : conf.d/',
      'include_dir = ./conf.d ; here',
      'include_dir =',
    ),
    main: iniText({ odd: false }),
    end: one('\n', '\n', '\r\n'),
    included: fc.uniqueArray(
      fc.tuple(one(...fileNames, ...fileNames, ...otherNames), iniText({ odd: false })),
      { selector: ([name]) => name, maxLength: 5 },
    ),
  })
  .map(({ before, setting, main, end, included }) => ({
    main: `${before}[runner]\n${setting}\n[a]\n${main}`.replaceAll('\n', end),
    included,
  }))

/** The values that our reader finds in files, in the form of those of the oracle. */
export function valuesOf(files: readonly Uint8Array[]): Values {
  const merged = mergeFiles(files.map(file => parseIni(Buffer.from(file), 'runner.cfg')))
  return merged
    .sections()
    .map(name => [name, Array.from(merged.section(name)!, ([key, { value }]) => [key, value])])
}
