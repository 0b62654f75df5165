/** ASCII white space as Python's `str.isspace` has it: the usual six and the separators U+001C…U+001F. */
export const isSpace = (code: number): boolean => isByteSpace(code) || (code >= 0x1c && code <= 0x1f)

/** White space as C's `isspace` has it, and with it Python 2.7. */
export const isByteSpace = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d)

/** The index of the first character that is not white space, or -1. */
export function firstOf(line: string): number {
  for (let at = 0; at < line.length; at++) if (!isSpace(line.charCodeAt(at))) return at
  return -1
}

/** The text from `start` to `end` without white space around it. */
export function trimmed(line: string, start = 0, end = line.length, space = isSpace): string {
  while (start < end && space(line.charCodeAt(start))) start++
  while (end > start && space(line.charCodeAt(end - 1))) end--
  return line.slice(start, end)
}
