import { basename } from 'node:path'

/** The program that env(1) starts, and the PATH on which env looks for it. */
export type EnvTarget =
  | { kind: 'program'; program: string; path: string | undefined }
  /** env starts nothing; `why` has words that follow `env`. */
  | { kind: 'nothing'; why: string }
  /** Only env itself can know. */
  | { kind: 'unsure' }

const unsure: EnvTarget = { kind: 'unsure' }
const oneWord: EnvTarget = {
  kind: 'nothing',
  why: 'gets all words as one, and takes no option with a space',
}
/** The directories in which execvp(3) looks without a PATH. */
const presetPath = '/bin:/usr/bin'

export function isEnv(command: string): boolean {
  return basename(command) === 'env'
}

/** The program that `env ...words` starts if `path` is its PATH. */
export function envTarget(words: readonly string[], path: string | undefined): EnvTarget {
  const left = [...words]
  let search = path
  for (let word = left[0]; word?.startsWith('-'); word = left[0]) {
    left.shift()
    if (word === '--') break
    if (/^--\s/.test(word)) return oneWord
    const option = word === '-' ? 'i' : word.startsWith('--') ? shortOf(word, left) : word.slice(1)
    if (option === undefined) return unsure
    for (let at = 0; at < option.length; at++) {
      const letter = option[at]!
      if (letter === 'i') search = presetPath
      if ('i0v'.includes(letter)) continue
      if (letter === ' ') return oneWord
      if (!'uCS'.includes(letter)) return unsure
      const value = option.slice(at + 1) || left.shift()
      if (value === undefined) return { kind: 'nothing', why: `gets -${letter} without a value` }
      if (letter === 'C') return unsure
      if (letter === 'u' && value === 'PATH') search = presetPath
      if (letter === 'S') {
        const split = splitString(value)
        if (split === undefined) return unsure
        left.unshift(...split)
      }
      break
    }
  }
  for (let word = left[0]; word?.includes('='); word = left[0]) {
    left.shift()
    if (word.startsWith('PATH=')) search = word.slice('PATH='.length)
  }
  const [program] = left
  return program === undefined
    ? { kind: 'nothing', why: 'gets no program to start' }
    : { kind: 'program', program, path: search }
}

/** A long option as a short one with its value; undefined for an option that this file does not know. */
function shortOf(word: string, left: string[]): string | undefined {
  const [name, value] = word.slice(2).split(/=(.*)/s)
  switch (name) {
    case 'ignore-environment':
      return 'i'
    case 'debug':
      return 'v'
    case 'unset':
      return `u${value ?? left.shift() ?? ''}`
    case 'split-string':
      return `S${value ?? left.shift() ?? ''}`
    default:
      return undefined
  }
}

/** The words of -S; undefined where escapes or variables decide. */
function splitString(text: string): string[] | undefined {
  if (/[\\$]/.test(text)) return undefined
  const words: string[] = []
  for (const [word] of text.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)) {
    if (word.startsWith('#')) break
    words.push(word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'))
  }
  return words
}
