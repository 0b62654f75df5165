import { type Findings, quote } from './findings.ts'
import type { IniEntry } from './ini-file.ts'
import { isByteSpace, trimmed } from './space.ts'

/**
 * Reads a file as build-runner did: Python 2.7's `RawConfigParser` with `optionxform = str`, on the file's
 * bytes. A line that it would have refused (and the whole file with it) is skipped, so that the rest can be
 * compared.
 */
interface Python2Reading {
  /** section, then key. */
  values: Map<string, Map<string, { value: string; line: number }>>
  refused: Set<number>
}

const plainly = 'write comments at the left edge, keys unindented, and no blank lines or ";" inside a value'

/**
 * One warning for each key that build-runner read differently, and one for the first line it refused although
 * it says something here (`silent` are the lines that do not).
 */
export function python2Findings(
  text: string,
  entries: IniEntry[],
  silent: Set<number>,
  findings: Findings,
): void {
  const warn = (line: number, message: string, hint = plainly) =>
    findings.warning('python-2-differs', line, `build-runner (Python 2.7) ${message}`, hint)

  const loneReturn = /\r(?!\n)/.exec(text)
  if (loneReturn !== null) {
    const line = text.slice(0, loneReturn.index).split(/\r\n?|\n/).length
    warn(line, 'did not take a lone carriage return for the end of a line', 'end lines with a line feed')
    return
  }
  const reading = readPython2(text)
  const ours = new Map<string, Map<string, IniEntry>>()
  for (const entry of entries) mapIn(ours, entry.section).set(entry.key, entry)

  const refused = [...reading.refused].find(line => !silent.has(line))
  if (refused === 1 && text.startsWith('\ufeff')) {
    warn(1, 'refused a file with a byte order mark', 'save the file as UTF-8 without one')
  } else if (refused !== undefined) warn(refused, 'refused the whole file because of this line')
  for (const [section, keys] of ours) {
    const theirs = reading.values.get(section)
    for (const [key, { value, line }] of keys) {
      const read = theirs?.get(key)
      if (read === undefined) {
        if (!reading.refused.has(line)) warn(line, `did not read the key ${quote(key)} here`)
      } else if (read.value !== value) {
        warn(line, `read ${quote(key)} as ${quote(read.value)}; here it is ${quote(value)}`)
      } else if (section === 'DEFAULT') {
        warn(line, `gave ${quote(key)} to every section`, 'write it in each section that needs it')
      }
    }
  }
  for (const [section, keys] of reading.values) {
    for (const [key, { value, line }] of keys) {
      if (ours.get(section)?.has(key)) continue
      warn(line, `read a key ${quote(key)} of [${section}] here: ${quote(value)}`)
    }
  }
}

/** `ConfigParser.RawConfigParser._read` of Python 2.7, line by line. */
function readPython2(text: string): Python2Reading {
  const read = new Map<string, Map<string, { lines: string[]; line: number }>>()
  const refused = new Set<number>()
  let section: Map<string, { lines: string[]; line: number }> | undefined
  let option: { lines: string[]; line: number } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const content = strip(line)
    const indented = isByteSpace(line.charCodeAt(0))
    if (content === '' || line[0] === '#' || line[0] === ';') continue
    if (/^rem(?:[ \t\v\f\r]|$)/i.test(line)) continue
    if (indented && option !== undefined) {
      option.lines.push(content)
      continue
    }
    const header = /^\[([^\]]+)\]/.exec(line)
    if (header !== null) {
      section = mapIn(read, header[1]!)
      option = undefined
      continue
    }
    const delimiter = line.search(/[:=]/)
    if (section === undefined || delimiter < 1 || indented) {
      refused.add(index + 1)
      continue
    }
    option = { lines: [optionValue(line.slice(delimiter + 1))], line: index + 1 }
    section.set(strip(line.slice(0, delimiter)), option)
  }
  const values: Python2Reading['values'] = new Map()
  for (const [name, keys] of read) {
    for (const [key, { lines, line }] of keys) mapIn(values, name).set(key, { value: lines.join('\n'), line })
  }
  return { values, refused }
}

/** Only the first `;` counts, and the character before index 0 is the last one, as in Python. */
function optionValue(text: string): string {
  const start = text.search(/[^ \t\v\f\r]/)
  const value = start === -1 ? '' : text.slice(start)
  const at = value.indexOf(';')
  const cut = at !== -1 && isByteSpace(value.at(at - 1)!.charCodeAt(0))
  const kept = strip(cut ? value.slice(0, at) : value)
  return kept === '""' ? '' : kept
}

const strip = (text: string): string => trimmed(text, 0, text.length, isByteSpace)

function mapIn<T>(maps: Map<string, Map<string, T>>, name: string): Map<string, T> {
  const map = maps.get(name) ?? new Map<string, T>()
  maps.set(name, map)
  return map
}
