/**
 * Text that every POSIX shell takes as one word without quotes, wherever it is in a command, and which
 * matches itself as a glob.
 */
const plainWord = /^[\w./+:@%,=-]+$/

/** Whether a shell takes this text as one word, unchanged, without quotes around it. */
export const isPlainWord = (text: string): boolean => plainWord.test(text)

/**
 * A text as one word of a POSIX shell: as it is where that is enough, else in single quotes. It must have no
 * NUL.
 */
export function shellQuote(text: string): string {
  return isPlainWord(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
