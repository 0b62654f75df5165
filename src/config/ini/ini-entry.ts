/** `key = value` with a line feed, so that the dialect reads it back as it is. */
export function iniEntry(key: string, value: string): string {
  const lines = value.split('\n').map((line, index) => {
    if (line === '') return ''
    // A `;` after white space would begin a comment.
    return index > 0 ? `    ${line}` : line.startsWith(';') ? line : ` ${line}`
  })
  return `${key} =${lines.join('\n')}\n`
}
