/*
 * Patterns of the images that may run. `*` stands for anything within one part of a name, between two slashes; `**` for
 * anything. A pattern that is only `*` allows all.
 */

const literal = (text: string) => text.replace(/[\\^$.|?+()[\]{}]/g, '\\$&')

/** Whether a pattern allows every image. */
export const allowsAll = (pattern: string): boolean => /^\*+$/.test(pattern)

/** What a name has to be to fit a pattern. */
export function patternOf(pattern: string): RegExp {
  if (allowsAll(pattern)) return /^/
  const parts = pattern.split(/(\*+)/)
  const text = parts.map(part => (part === '*' ? '[^/]*' : part.startsWith('**') ? '.*' : literal(part)))
  return new RegExp(`^${text.join('')}$`, 's')
}

/**
 * What to write in the place of a pattern that may have been meant to cross a slash by `*`, as that did in 0.1.0; undefined
 * where it cannot have been. In the name of a registry nobody meant that, and in a tag there is no slash.
 */
export function crossing(pattern: string): string | undefined {
  if (allowsAll(pattern)) return undefined
  const end = /[:@][^/]*$/.exec(pattern)?.index ?? pattern.length
  const registry = /^(?:[^/]*[.:][^/]*|localhost)\//.exec(pattern)?.[0] ?? ''
  const name = pattern.slice(registry.length, Math.max(end, registry.length))
  const wider = name.replace(/\*+/g, '**')
  return wider === name ? undefined : registry + wider + pattern.slice(registry.length + name.length)
}
