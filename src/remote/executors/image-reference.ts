import { mappedBy, mappingOf, patternOf } from '../../config/image-patterns.ts'

const digestForm = /^sha256:[0-9a-f]{64}$/

/** Completes a reference with registry and tag: a pull without a tag would fetch all tags of the name. */
export function canonical(reference: string): string {
  const [name, digest] = reference.split('@') as [string, string?]
  const slash = name.lastIndexOf('/')
  const colon = name.indexOf(':', slash + 1)
  const path = colon === -1 ? name : name.slice(0, colon)
  const tag = colon === -1 ? 'latest' : name.slice(colon + 1)
  const first = path.split('/')[0]!
  const hasRegistry = path.includes('/') && (/[.:]/.test(first) || first === 'localhost')
  const full = hasRegistry ? path : `docker.io/${path.includes('/') ? path : `library/${path}`}`
  return digest === undefined ? `${full}:${tag}` : `${full}@${digest}`
}

/** A reference without its tag. */
const withoutTag = (reference: string) => reference.replace(/:[^/:]*$/, '')

/**
 * The name under which an image is pulled, by the first of the mappings that fits its name as it is written
 * or completed (image-patterns.ts).
 */
export function mapped(reference: string, mappings: readonly string[]): string {
  for (const mapping of mappings.map(mappingOf))
    for (const name of [reference, canonical(reference)]) {
      const other = mapping && mappedBy(mapping, name)
      if (other !== undefined) return other
    }
  return reference
}

/** The image of a digest in the repository of a reference; one that names a digest itself stays as it is. */
export function withDigest(reference: string, digest: string | undefined): string {
  return digest === undefined || reference.includes('@') ? reference : `${withoutTag(reference)}@${digest}`
}

/**
 * The digest by which an image is in the repository of a reference; `names` are all that the engine has of
 * it.
 */
export function digestIn(reference: string, names: readonly string[]): string | undefined {
  const repository = (name: string) => withoutTag(canonical(name).split('@')[0]!)
  const same = names.filter(name => name.includes('@') && repository(name) === repository(reference))
  return same.map(name => name.split('@')[1]!).find(digest => digestForm.test(digest))
}

/** Whether a reference matches one of the patterns (image-patterns.ts), as it is written or completed. */
export function isAllowed(reference: string, patterns: readonly string[]): boolean {
  const [name, digest] = reference.split('@') as [string, string?]
  // Engines ignore a tag beside a digest, so it is cut off. A pattern with a digest may have both, and is
  // compared with the reference as it is written, too.
  const written = digest === undefined ? reference : `${withoutTag(name)}@${digest}`
  return patterns.some(pattern => {
    const fits = patternOf(pattern)
    const forms = [written, canonical(reference), ...(pattern.includes('@') ? [reference] : [])]
    return forms.some(form => fits.test(form))
  })
}
