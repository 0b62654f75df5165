/**
 * A usage error of commander as a message of runner: `runner: ` before it, and the guess at what was meant on
 * the same line. A text of another kind, such as the line after it, stays as it is.
 */
export function usageError(text: string): string {
  return text
    .replace(/^error: /, 'runner: ')
    .replace(/\n\(Did you mean (one of )?(.*)\?\)/, (_, several: string | undefined, words: string) =>
      several === undefined ? `; did you mean ${words}?` : `; did you mean one of ${words}?`,
    )
    .replace(
      /^(runner: )command-argument value ('.*') is invalid for argument '(.*?)'\. /s,
      "$1argument '$3' cannot be $2. ",
    )
    .replace(/^(runner: )option ('-.*?') argument ('.*') is invalid\. /s, '$1option $2 cannot be $3. ')
}
