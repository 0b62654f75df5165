import { validators } from './validators.ts'

/** The keys of a section whose texts break its schema. */
export function validateSection(name: string, values: Record<string, string>): string[] {
  const validator = validators[name]!
  if (validator(values)) return []
  return [...new Set((validator.errors ?? []).map(({ instancePath }) => keyAt(instancePath)))]
}

/** The key that a JSON pointer of one step names (RFC 6901). */
function keyAt(pointer: string): string {
  return pointer.slice(1).replaceAll('~1', '/').replaceAll('~0', '~')
}
