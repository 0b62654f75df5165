import { decodeBytes } from './bytes.ts'
import { Findings, quote } from './findings.ts'
import type { IniEntry, IniFile } from './ini-file.ts'
import { python2Findings } from './python2.ts'
import { firstOf, isSpace, trimmed } from './space.ts'

/**
 * Reads one file in runner's dialect of INI: Python 3.11's
 * `RawConfigParser(default_section='\0', inline_comment_prefixes=(';',), strict=False)` with
 * `optionxform = str`, read as `utf-8-sig` with universal newlines, except for this:
 *
 * - Only ASCII white space is white space (`isSpace`).
 * - Where Python raises (no section yet, no `=` or `:`, no key before it), the line says nothing, and so do
 *   the lines below it that are indented deeper; the value above it does not go on after it.
 *
 * Never fails; complaints are in `findings`. Takes time and memory in proportion to the input.
 */
export function parseIni(bytes: Uint8Array, file: string): IniFile {
  const text = decodeBytes(bytes)
  const findings = new Findings(file)
  const body = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
  checkBytes(body, findings)
  const { entries, sections, silent } = readLines(splitLines(body), findings)
  python2Findings(text, entries, silent, findings)
  return { file, entries, sections, findings: findings.list() }
}

function splitLines(text: string): string[] {
  const lines = text.split(text.includes('\r') ? /\r\n?|\n/ : '\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

function checkBytes(text: string, findings: Findings): void {
  const escaped = !text.isWellFormed()
  if (!escaped && !text.includes('\0')) return
  for (const [index, line] of splitLines(text).entries()) {
    if (escaped && !line.isWellFormed()) {
      const hint = 'save the file as UTF-8; look-ups give the bytes back as they are'
      findings.error('not-utf-8', index + 1, 'this line is not valid UTF-8', hint)
    }
    if (line.includes('\0')) {
      const hint = 'remove it; a file saved as UTF-16 must be saved as UTF-8'
      findings.error('nul-byte', index + 1, 'this line contains a NUL byte', hint)
    }
  }
}

/** `configparser.RawConfigParser._read`, line by line. */
function readLines(lines: string[], findings: Findings) {
  const entries: IniEntry[] = []
  /** The lines that say nothing. */
  const silent = new Set<number>()
  /**
   * The sections by name, each with the line on which it begins first, and the last line of each of its keys.
   */
  const sections = new Map<string, { name: string; line: number; keys: Map<string, number> }>()
  let section: { name: string; line: number; keys: Map<string, number> } | undefined
  /** The option that deeper lines continue, with its lines so far; none below a line that says nothing. */
  let open: { entry: IniEntry; value: string[] } | undefined
  /** Lines indented deeper than this belong to the line above. */
  let indent = Number.POSITIVE_INFINITY
  const close = () => {
    if (open === undefined) return
    while (open.value.at(-1) === '') open.value.pop()
    open.entry.value = open.value.join('\n')
    open = undefined
  }

  for (const [index, line] of lines.entries()) {
    const number = index + 1
    const first = firstOf(line)
    if (first === -1) {
      open?.value.push('')
      continue
    }
    if (line[first] === '#' || line[first] === ';') continue
    const comment = inlineComment(line)
    const content = trimmed(line, first, comment)

    if (first > indent) {
      if (open === undefined) {
        saysNothing(number, 'it belongs to the line above, which says nothing', 'fix that line first')
        continue
      }
      open.value.push(content)
      if (comment !== undefined) cutAtComment(number, open.entry.key, content)
      continue
    }
    close()
    indent = first

    const name = headerName(content)
    if (name !== undefined) {
      const known = sections.get(name) ?? { name, line: number, keys: new Map<string, number>() }
      sections.set(name, known)
      section = known
      indent = Number.POSITIVE_INFINITY
      const rest = content.slice(name.length + 2)
      if (rest !== '') {
        const message = `${quote(rest)} after the section header says nothing`
        // Only a comment is nothing to miss.
        const severity = rest.trimStart().startsWith('#') ? 'warning' : 'error'
        findings[severity]('says-nothing', number, message, 'write it on a line of its own')
      }
      continue
    }
    if (content.startsWith('[') && !/[=:]/.test(content)) {
      const meant = content.replace(/[[\]]/g, '').trim()
      const hint = meant === '' ? 'write a name between the two' : `write ${quote(`[${meant}]`)}`
      saysNothing(number, 'the line of a section is a name between [ and ]', hint)
      continue
    }
    if (section === undefined) {
      saysNothing(number, 'it stands before the first section', 'write a [section] line above it')
      continue
    }
    const delimiter = content.search(/[=:]/)
    const key = trimmed(content, 0, Math.max(delimiter, 0))
    if (key === '') {
      const why = delimiter === -1 ? `there is no "=" or ":" in it` : 'there is no key before the delimiter'
      saysNothing(number, why, 'write key = value, or indent it to continue the value above')
      continue
    }
    const value = trimmed(content, delimiter + 1)
    const earlier = section.keys.get(key)
    if (earlier !== undefined) {
      const message = `${quote(key)} stands in [${section.name}] on line ${earlier} already; this one counts`
      findings.warning('duplicate-key', number, message, 'remove one of the two')
    }
    section.keys.set(key, number)
    const entry = { section: section.name, key, value, line: number }
    entries.push(entry)
    open = { entry, value: [value] }
    if (comment !== undefined) cutAtComment(number, key, value)
  }
  close()
  return { entries, sections: Array.from(sections.values(), ({ name, line }) => ({ name, line })), silent }

  function saysNothing(number: number, why: string, hint: string): void {
    silent.add(number)
    findings.error('says-nothing', number, `this says nothing: ${why}`, hint)
  }
  function cutAtComment(number: number, key: string, kept: string): void {
    const message = `the value of ${quote(key)} is cut at a ";" after white space: kept ${quote(kept)}`
    const hint = 'write a comment on a line of its own; a ";" in a value has no white space before it'
    findings.warning('cut-at-comment', number, message, hint)
  }
}

/** Where a `;` at the start or after white space begins a comment. */
function inlineComment(line: string): number | undefined {
  for (let at = line.indexOf(';'); at !== -1; at = line.indexOf(';', at + 1)) {
    if (at === 0 || isSpace(line.charCodeAt(at - 1))) return at
  }
  return undefined
}

/** `name` of `[name]`, up to the last `]` and never empty. */
function headerName(content: string): string | undefined {
  const end = content.lastIndexOf(']')
  return content.startsWith('[') && end > 1 ? content.slice(1, end) : undefined
}
