/*
 * The blocks of a page of docs/, run as a reader runs them. In a page
 *
 * - a block ```sh is a command line or several: they run in one shell for the whole page, in order, and each must succeed;
 * - the block without a language after it is what they print, on standard output and error: `…` stands for anything in its
 *   line, a line `…` for any lines. Times, dates, ids and the width of columns may differ; an id that later commands name
 *   stands for the one that came instead;
 * - a block whose first line is a comment with a path (`# tasks.d/20-mount.sh`; the second line of a script) is that file;
 * - a comment before a block changes that: `<!-- ends with 2 -->` (the status of the block), `<!-- file: rules.json -->`,
 *   `<!-- other terminal -->` (it runs on until the page ends; its output is waited for), and `<!-- not run: WHY -->`.
 *
 * All other blocks are to be looked at.
 */
import { readFileSync } from 'node:fs'

export interface Block {
  language: string
  text: string
  /** The number of its first line in the file of the page. */
  line: number
  /** The heading that it stands under, without `#`. */
  section: string
  does: 'run' | 'lasts' | 'file' | 'nothing'
  /** The path of a file. */
  path: string
  /** The status that commands end with. */
  status: number
  /** The output of the commands; undefined if the page does not show it. */
  prints: string | undefined
}

const fence = /^( *)```(\w*)$/
const pathComment = /^(?:#!.*\n)?(?:#|;|\/\/) (~?[\w@./-]*[/.][\w@./-]+)\n/

/** The blocks of a page, in their order. */
export function blocksOf(page: string): Block[] {
  const lines = readFileSync(page, 'utf8').split('\n')
  const blocks: Block[] = []
  let section = ''
  for (let at = 0; at < lines.length; at++) {
    section = /^#+ (.*)/.exec(lines[at]!)?.[1] ?? section
    const [, indent, language] = fence.exec(lines[at]!) ?? []
    if (indent === undefined || language === undefined) continue
    const first = at + 1
    const last = lines.indexOf(`${indent}\`\`\``, first)
    const text = lines.slice(first, last).map(line => `${line.slice(indent.length)}\n`)
    const note = lines.slice(Math.max(0, at - 2), at).findLast(line => line.trim() !== '') ?? ''
    const block = blockOf(language, text.join(''), note)
    const before = blocks.at(-1)
    if (language === '' && block.does === 'nothing' && before !== undefined && isRun(before))
      before.prints ??= block.text
    else blocks.push({ ...block, line: first + 1, section })
    at = last
  }
  return blocks
}

const isRun = ({ does }: Block) => does === 'run' || does === 'lasts'

function blockOf(language: string, text: string, note: string): Omit<Block, 'line' | 'section'> {
  const path = /<!-- file: (\S+) -->/.exec(note)?.[1] ?? pathComment.exec(text)?.[1] ?? ''
  const status = Number(/<!-- ends with (\d+) -->/.exec(note)?.[1] ?? 0)
  const commands =
    language === 'sh' ? (note.includes('<!-- other terminal -->') ? 'lasts' : 'run') : 'nothing'
  const does = note.includes('<!-- not run:') ? 'nothing' : path === '' ? commands : 'file'
  return { language, text, path, status, does, prints: undefined }
}

// A part of a line that is otherwise each time, and what fits in its place.
const changing: readonly (readonly [RegExp, string])[] = [
  [/…/, '.*'],
  [
    /\d+(?:\.\d+)? (?:ms|s|min|h|days)\b(?: \d+ (?:s|min)\b)?/,
    '\\d+(?:\\.\\d+)? (?:ms|s|min|h|days)\\b(?: \\d+ (?:s|min)\\b)?',
  ],
  [
    /\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?/,
    '\\d{4}-\\d\\d-\\d\\d(?:[T ]\\d\\d:\\d\\d(?::\\d\\d(?:\\.\\d+)?)?Z?)?',
  ],
  [
    /(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d(?::\d\d)?/,
    '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \\d+ [A-Z][a-z]{2} \\d{4} \\d\\d:\\d\\d(?::\\d\\d)?',
  ],
  [/[0-9a-f]{8}-[0-9a-f]{4}[0-9a-f-]*/, '([0-9a-f]{8}-[0-9a-f]{4}[0-9a-f-]*)'],
  [/ {2,}/, ' {2,}'],
]
const anyChanging = new RegExp(changing.map(([what]) => what.source).join('|'), 'g')
const isId = /^[0-9a-f]{8}-[0-9a-f]{4}[0-9a-f-]*$/
const literally = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')

/**
 * Compares what came with what a page says. Resolves the ids of the page: undefined where something else came, otherwise
 * each id of the page with the one that came in its place.
 */
export function compare(says: string, came: string): Map<string, string> | undefined {
  const ids: string[] = []
  const pattern = says
    .replace(/\n$/, '')
    .split('\n')
    .map(line => (line.trim() === '…' ? '(?:.*\\n)*?' : `${patternOf(line, ids)}\\n`))
    .join('')
  const found = new RegExp(`^${pattern}$`).exec(came.replace(/\n*$/, '\n'))
  if (found === null) return undefined
  return new Map(ids.map((id, at) => [id, found[at + 1]!]))
}

function patternOf(line: string, ids: string[]): string {
  let pattern = ''
  let end = 0
  for (const part of line.matchAll(anyChanging)) {
    pattern += literally(line.slice(end, part.index))
    const [, fits] = changing.find(([what]) => new RegExp(`^(?:${what.source})$`).test(part[0]))!
    if (isId.test(part[0])) ids.push(part[0])
    pattern += fits
    end = part.index + part[0].length
  }
  return `${pattern}${literally(line.slice(end))} *`
}

/** The longest part of what a page says that is the same each time. */
export function constantPart(says: string): string {
  const parts = says.split('\n').flatMap(line => line.split(anyChanging))
  return parts.toSorted((one, other) => other.length - one.length)[0]!
}
