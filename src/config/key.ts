import type { Complaint } from './diagnostic.ts'

/** A JSON Schema of a text. */
export interface TextSchema {
  type: 'string'
  pattern?: string
  enum?: readonly string[]
}

/** A text that depends on the machine and on the user. */
export type ComputedText = (env: NodeJS.ProcessEnv) => string

export interface KeyFacts<T> {
  schema: TextSchema
  /** The form of a value in words that follow `it must be`. */
  form: string
  /** The text is the value, so that quotes around it belong to it. */
  isText: boolean
  /** The text in force where the configuration has none; without one `read` is not called. */
  preset?: string | ComputedText | undefined
  /** The value where there is no text at all. */
  absent: T
  description: string
  /** build-runner had this key too. */
  inherited: boolean
  /** A value that does not fit is a warning, and counts as not set. */
  lenient: boolean
  /**
   * Rules that no pattern can express, for texts that fit the schema. The first one that is broken counts.
   */
  rules: readonly ((name: string, text: string) => Complaint | undefined)[]
  /**
   * The value of a text that has passed all checks; `folder` is the directory of the file that it is written
   * in.
   */
  read(text: string, folder: string): T
}

/** One key of a section: the form of its text, its value, and its documentation. */
export interface Key<T> extends KeyFacts<T> {
  /** The same key with a description in Markdown, whose parts are joined by spaces. */
  doc(...parts: string[]): Key<T>
  /** The same key with a rule for its value. A broken rule makes the complaint `name is text; rule`. */
  must(holds: (value: Exclude<T, undefined>) => boolean, rule: string, hint?: string): Key<T>
  /** The same key, marked as one that build-runner had. */
  fromBuildRunner(): Key<T>
  /**
   * The same key, of a task's section and new in this release: a task may already look up a key of that name,
   * so a value that does not fit is a warning.
   */
  recent(): Key<T>
}

/** The table of a section. */
export type Keys = Readonly<Record<string, Key<unknown>>>

type ValueOf<K> = K extends Key<infer T> ? T : never
type Optional<K extends Keys> = { [N in keyof K]: undefined extends ValueOf<K[N]> ? N : never }[keyof K]

/** The settings that a table describes; a key without a default may be absent. */
export type SettingsOf<K extends Keys> = { [N in Exclude<keyof K, Optional<K>>]: ValueOf<K[N]> } & {
  [N in Optional<K>]?: ValueOf<K[N]>
}

export function makeKey<T>(facts: KeyFacts<T>): Key<T> {
  return {
    ...facts,
    doc: (...parts) => makeKey({ ...facts, description: parts.join(' ') }),
    fromBuildRunner: () => makeKey({ ...facts, inherited: true }),
    recent: () => makeKey({ ...facts, lenient: true }),
    must(holds, rule, hint) {
      const broken = (name: string, text: string) => {
        const value = facts.read(text, '/') as Exclude<T, undefined>
        return holds(value)
          ? undefined
          : { message: `${name} is ${text}; ${rule}`, hint: hint ?? hintFor(name, facts) }
      }
      return makeKey({ ...facts, rules: [...facts.rules, broken] })
    },
  }
}

/** The advice for a value that is wrong. */
export function hintFor(name: string, { preset }: Pick<KeyFacts<unknown>, 'preset'>): string {
  return typeof preset === 'string' ? `the default is ${preset}` : `leave ${name} out if you do not need it`
}
