import type { Diagnostic } from './diagnostic.ts'
import { nearest, oneEditAway } from './did-you-mean.ts'
import { hintFor, type Keys } from './key.ts'
import { complaint, type Entries, type Section } from './section.ts'
import { validateSection } from './validate.ts'

const quoted = /^(["']).*\1$/s

/** The entries of a section whose values are right, and complaints about the others. */
export function checkValues(
  name: string,
  keys: Keys,
  entries: Entries,
): { valid: Entries; findings: Diagnostic[] } {
  const findings: Diagnostic[] = []
  const valid = new Map(entries)
  const complain = (key: string, message: string, hint: string) => {
    valid.delete(key)
    const finding = complaint(entries, key, message, hint)
    findings.push(
      keys[key]?.lenient
        ? {
            ...finding,
            severity: 'warning',
            message: `${message}; runner takes it for a key of the task's own`,
          }
        : finding,
    )
  }
  const values = Object.fromEntries([...entries].map(([key, { value }]) => [key, value]))
  for (const key of validateSection(name, values)) {
    const { form } = keys[key]!
    const hint = slipIn(values[key]!) ?? hintFor(key, keys[key]!)
    complain(key, `${key} is ${JSON.stringify(values[key])}; it must be ${form}`, hint)
  }
  for (const [key, { value }] of [...valid]) {
    const rules = Object.hasOwn(keys, key) ? keys[key]!.rules : []
    const broken = rules.map(rule => rule(key, value)).find(problem => problem !== undefined)
    if (broken !== undefined) complain(key, broken.message, broken.hint)
  }
  for (const [key, { value, origin }] of valid) {
    const isText = Object.hasOwn(keys, key) ? keys[key]!.isText : name === 'env'
    if (!isText || !quoted.test(value)) continue
    // The value may be a secret.
    const message = `${key} stands in quotes, which are part of its value`
    findings.push({ severity: 'warning', reason: 'value-quoted', ...origin, message, hint: 'leave them out' })
  }
  return { valid, findings }
}

/** The remedy for a value that is wrong by its form, whatever its key. */
function slipIn(value: string): string | undefined {
  if (quoted.test(value)) return 'leave the quotes out'
  if (value.includes('\n')) return 'do not indent the line below, which continues the value'
  return / #/.test(value) ? 'write the comment on a line of its own' : undefined
}

/**
 * Complaints about keys that a section does not have; `lenient`: of those that are no slip, only warnings.
 */
export function checkKeys(
  name: string,
  { keys, open, adviseOn }: Section,
  entries: Entries,
  lenient: boolean,
): Diagnostic[] {
  if (open) return []
  const known = Object.keys(keys)
  const unknown = [...entries].filter(([key]) => !known.includes(key))
  return unknown.map(([key, { origin }]) => {
    const typo = known.find(candidate => oneEditAway(key, candidate))
    const guess = typo ?? nearest(key, known)
    const hint =
      adviseOn?.(key) ??
      (guess === undefined
        ? `correct it, or take it out: \`man runner.cfg\` has the keys of [${name}]`
        : `did you mean ${guess}?`)
    return {
      severity: lenient && typo === undefined ? 'warning' : 'error',
      reason: 'key-unknown',
      ...origin,
      message: `[${name}] has no key ${key}`,
      hint,
    }
  })
}

/**
 * Complaints about sections whose names are one edit away from one of runner's own: errors where one has a
 * key of that section, unless `lenient`.
 */
export function checkSectionNames(
  names: readonly string[],
  reserved: Readonly<Record<string, Section>>,
  families: Readonly<Record<string, Section>>,
  section: (name: string) => Entries,
  lenient: boolean,
): Diagnostic[] {
  return names.flatMap(name => {
    if (Object.hasOwn(reserved, name)) return []
    const [before, ...rest] = name.split('.')
    const known = rest.length === 0 ? reserved : families
    const found = Object.keys(known).find(known => oneEditAway(before!, known))
    if (found === undefined) return []
    const meant = [found, ...rest].join('.')
    const entries = [...section(name)]
    const own = entries.find(([key]) => Object.hasOwn(known[found]!.keys, key))
    if (own === undefined && names.includes(meant)) return []
    const severity = own === undefined || lenient ? 'warning' : 'error'
    const message = `[${name}] is a section for tasks to look up; runner does not read it`
    const hint = `did you mean [${meant}]?`
    const { origin } = (own ?? entries[0])?.[1] ?? {}
    return [{ severity, reason: 'section-unknown', section: name, ...origin, message, hint }]
  })
}
