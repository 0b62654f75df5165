/*
 * Patterns of the images that may run. `*` stands for anything within one part of a name, between two
 * slashes; `**` for anything. A pattern that is only `*` allows all.
 */

const literal = (text: string) => text.replace(/[\\^$.|?+()[\]{}]/g, '\\$&')

/** Whether a pattern allows every image. */
export const allowsAll = (pattern: string): boolean => /^\*+$/.test(pattern)

/** The form of the names that fit a pattern. */
export function patternOf(pattern: string): RegExp {
  if (allowsAll(pattern)) return /^/
  const parts = pattern.split(/(\*+)/)
  const text = parts.map(part => (part === '*' ? '[^/]*' : part.startsWith('**') ? '.*' : literal(part)))
  return new RegExp(`^${text.join('')}$`, 's')
}

/**
 * The replacement of a pattern whose `*` may have been meant to cross a slash, as it did in 0.1.0; undefined
 * where it cannot have been: the name of a registry and a tag have no slash.
 */
export function crossing(pattern: string): string | undefined {
  if (allowsAll(pattern)) return undefined
  const end = /[:@][^/]*$/.exec(pattern)?.index ?? pattern.length
  const registry = /^(?:[^/]*[.:][^/]*|localhost)\//.exec(pattern)?.[0] ?? ''
  const name = pattern.slice(registry.length, Math.max(end, registry.length))
  const wider = name.replace(/\*+/g, '**')
  return wider === name ? undefined : registry + wider + pattern.slice(registry.length + name.length)
}
