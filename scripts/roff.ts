/*
 * The parts of a manual page, in roff (man(7)).
 */

export function page(parts: readonly string[]): string {
  return `.\\" Written by scripts/generate.ts: change the definitions there and in src/, not this file.\n${parts.join('\n')}\n`
}

export function heading(name: string, part: number, version: string): string {
  return `.TH ${name} ${part} "" "runner ${version}" "${part === 1 ? 'User Commands' : 'File Formats'}"`
}

export function section(title: string, body: string): string {
  return `.SH "${title}"\n${body.replace(/^\.PP\n/, '')}`
}

/** One paragraph; text between backticks is bold. */
export function text(body: string): string {
  return `.PP\n${inline(body)}`
}

export function paragraphs(...bodies: string[]): string {
  return bodies
    .map(text)
    .join('\n')
    .replace(/^\.PP\n/, '')
}

export function inline(body: string): string {
  return body
    .split('`')
    .map((part, index) => (index % 2 === 1 ? `\\fB${escaped(part)}\\fR` : escaped(part)))
    .join('')
    .replace(/^(?=[.'])/gm, '\\&')
}

export function escaped(body: string): string {
  const special: Record<string, string> = {
    '\\': '\\e',
    '-': '\\-',
    '~': '\\(ti',
    '^': '\\(ha',
    '×': '\\(mu',
  }
  return body.replace(/[\\\-~^×]/g, character => special[character]!)
}

export function tagged(tag: string, body: string): string {
  return `.TP\n.B ${escaped(tag)}\n${inline(body)}`
}

export function verbatim(body: string): string {
  return `.nf\n.RS 4\n${escaped(body).replace(/^(?=[.'])/gm, '\\&')}\n.RE\n.fi`
}
