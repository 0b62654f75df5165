/*
 * Patterns of images: those that may run, and those that are pulled under another name. `*` stands for
 * anything within one part of a name, between two slashes; `**` for anything. A pattern that is only `*`
 * allows all.
 */

const literal = (text: string) => text.replace(/[\\^$.|?+()[\]{}]/g, '\\$&')

/** Whether a pattern allows every image. */
export const allowsAll = (pattern: string): boolean => /^\*+$/.test(pattern)

/** The form of the names that fit a pattern. */
export function patternOf(pattern: string): RegExp {
  if (allowsAll(pattern)) return /^/
  return formOf(pattern)
}

/** A pattern whose wildcards are groups, in their order. */
function formOf(pattern: string): RegExp {
  const parts = pattern.split(wildcards)
  const text = parts.map(part => (part === '*' ? '([^/]*)' : part.startsWith('**') ? '(.*)' : literal(part)))
  return new RegExp(`^${text.join('')}$`, 's')
}

const wildcards = /(\*+)/

/** Another name for the images of a pattern. */
export interface ImageMapping {
  from: string
  /** Each of its wildcards stands for what the one at the same place in `from` has found. */
  to: string
}

/** Reads `from=to`; undefined: it has another form, or `to` has other wildcards than `from`. */
export function mappingOf(text: string): ImageMapping | undefined {
  const [from, to, more] = text.split('=').map(part => part.trim())
  if (from === undefined || from === '' || to === undefined || to === '' || more !== undefined)
    return undefined
  const kinds = (pattern: string) => pattern.split(wildcards).filter(part => part.startsWith('*'))
  return kinds(to).join() === kinds(from).join() ? { from, to } : undefined
}

/** The name that a mapping gives an image; undefined: its pattern does not fit. */
export function mappedBy({ from, to }: ImageMapping, name: string): string | undefined {
  const found = formOf(from).exec(name)?.slice(1)
  if (found === undefined) return undefined
  return to.split(wildcards).reduce((all, part) => all + (part.startsWith('*') ? found.shift() : part), '')
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
