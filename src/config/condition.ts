import { resolve } from 'node:path'
import { type Key, type KeyFacts, makeKey } from './key.ts'
import { splitWords } from './words.ts'

/** A condition of a task, as systemd's units have them. */
export interface Condition<T> {
  /** The written text, with its `!`. */
  text: string
  /** The opposite must hold: it was written with `!`. */
  negated: boolean
  value: T
}

type Facts<T> = Pick<KeyFacts<Condition<T>[]>, 'form'> & {
  pattern?: string
  isText?: boolean
  rules?: KeyFacts<unknown>['rules']
  read(text: string, folder: string): T
}

/** Makes a key of conditions, one a line, all of which must hold; none without a text. */
const conditions = <T>({ form, pattern, isText = true, rules = [], read }: Facts<T>): Key<Condition<T>[]> =>
  makeKey({
    schema: pattern === undefined ? { type: 'string' } : { type: 'string', pattern },
    form,
    isText,
    absent: [],
    description: '',
    inherited: false,
    lenient: true,
    rules: [noCondition, ...rules],
    read: (text, folder) => text.split('\n').flatMap(line => conditionOf(line, one => read(one, folder))),
  })

const noCondition = (name: string, text: string) =>
  text.split('\n').some(line => line.trim() === '!')
    ? { message: `${name} has a ! with nothing behind it`, hint: 'write the condition behind the !' }
    : undefined

function conditionOf<T>(line: string, read: (text: string) => T): Condition<T>[] {
  const text = line.trim()
  const bare = text.replace(/^!\s*/, '')
  return bare === '' ? [] : [{ text, negated: bare !== text, value: read(bare) }]
}

/** Paths, relative ones to the file that they are written in. */
export const pathConditions = conditions({
  form: 'a path, or ! and a path; several on lines of their own',
  read: (text, folder) => resolve(folder, text),
})

/** `yes` or `no`. */
export const flagCondition = conditions({
  form: 'yes or no',
  pattern: '^(! *)?(yes|no)$',
  read: text => text === 'yes',
})

/** Words of the kernel command line, or assignments. */
export const wordConditions = conditions({
  form: 'a word, or an assignment such as mode=rescue, with ! before it for the opposite',
  read: text => text,
})

/** The words of one command; a relative program with a slash is relative to the file. */
export const commandCondition = conditions({
  form: 'a command, split into words as a shell does, or ! and a command',
  pattern: '^[^\\n]*$',
  isText: false,
  rules: [
    (name, value) => {
      const words = splitWords(value.replace(/^!/, ''))
      return words.ok
        ? undefined
        : { message: `${name} cannot be split into words: ${words.failure}`, hint: 'close each quote' }
    },
  ],
  read: (text, folder) => {
    const words = splitWords(text)
    const [program = '', ...rest] = words.ok ? words.value : []
    return [program.includes('/') ? resolve(folder, program) : program, ...rest]
  },
})
