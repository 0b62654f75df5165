import { dirname } from 'node:path'
import type { Diagnostic } from './diagnostic.ts'
import type { Keys, SettingsOf } from './key.ts'
import type { Setting } from './setting.ts'

/** The texts of a section, as they are written. */
export type Entries = ReadonlyMap<string, Setting>

/** The facts that settings depend on beside the texts of their own section. */
export interface SectionContext {
  /** The valid entries, of keys that the section does not know too. */
  entries: Entries
  env: NodeJS.ProcessEnv
  /** `state_dir` of `[runner]`. */
  stateDir: string
}

/** The definition of a section: a table of keys, and the rules that no single key can express. */
export interface Section<K extends Keys = Keys, S = unknown> {
  keys: K
  /** The heading that people read, in Markdown. */
  about?: string
  /** Makes the settings of the values, for example defaults that depend on another key. */
  settings(values: SettingsOf<K>, context: SectionContext): S
  /** Complains of values that do not fit together. Their texts fit the schema. */
  check?(entries: Entries, env: NodeJS.ProcessEnv): Diagnostic[]
  /** Any key may be in it. */
  open?: boolean
  /** The advice for a key that belongs elsewhere. */
  adviseOn?(key: string): string | undefined
}

/** Infers the types of a section. */
export const defineSection = <K extends Keys, S>(section: Section<K, S>): Section<K, S> => section

/** The schema of the texts of a section, as JSON Schema (draft 7). */
export function schemaOf({ keys }: Section) {
  const properties = Object.entries(keys).map(([name, { schema }]) => [name, schema])
  return { type: 'object', properties: Object.fromEntries(properties) }
}

/** The texts in force: defaults in the order of the table, replaced by the texts of the file. */
export function textsInForce(keys: Keys, entries: Entries, env: NodeJS.ProcessEnv): Map<string, Setting> {
  const texts = new Map<string, Setting>()
  for (const [name, { preset }] of Object.entries(keys)) {
    const value = typeof preset === 'function' ? preset(env) : preset
    if (value !== undefined) texts.set(name, { value })
  }
  for (const [name, setting] of entries) texts.set(name, setting)
  return texts
}

/**
 * The values of texts that have been checked. Paths are relative to the file of their text, defaults to
 * `base`.
 */
export function valuesOf<K extends Keys>(keys: K, texts: Entries, base: string): SettingsOf<K> {
  const values = Object.entries(keys).flatMap(([name, key]) => {
    const setting = texts.get(name)
    const value =
      setting === undefined ? key.absent : key.read(setting.value, dirname(setting.origin?.file ?? base))
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(values) as SettingsOf<K>
}

/** An error about the value of one key. */
export function complaint(entries: Entries, key: string, message: string, hint: string): Diagnostic {
  return { severity: 'error', reason: 'value-invalid', ...entries.get(key)?.origin, message, hint }
}

/** Complaints about keys that are set without one that they need. */
export function checkTogether(entries: Entries, pairs: readonly (readonly [string, string])[]): Diagnostic[] {
  return pairs.flatMap(([key, other]) =>
    entries.has(key) && !entries.has(other)
      ? complaint(entries, key, `${key} is set, and ${other} is not`, `set ${other} too, or leave ${key} out`)
      : [],
  )
}
