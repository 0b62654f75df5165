import type { ErrorObject } from 'ajv'
import { formOf } from './messages/forms.ts'

/** Says in words why a value does not fit; `whole` is the name of the value for a person. */
export function describeError(error: ErrorObject | undefined, whole: string): string {
  if (error === undefined) return `${whole} is not as it must be`
  const names = error.instancePath
    .split('/')
    .slice(1)
    .map(name => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  const place = names.length === 0 ? whole : `${names.join('.').slice(0, 200)} in ${whole}`
  switch (error.keyword) {
    case 'additionalProperties':
      if (error.parentSchema?.patternProperties !== undefined && error.parentSchema.description !== undefined)
        return (
          `${place} has the name ${quoted(error.params.additionalProperty)}; ` +
          `a name is ${error.parentSchema.description}`
        )
      return `${place} has an unknown field ${quoted(error.params.additionalProperty)}`
    case 'required':
      return `${place} has no field ${quoted(error.params.missingProperty)}`
    case 'enum':
      return `${place} must be one of ${error.params.allowedValues.join(', ')}`
    case 'pattern':
      return `${place} must be ${formIn(error)}`
    case 'minLength':
      return `${place} is ${error.params.limit === 1 ? 'empty' : 'too short'}`
    case 'maxLength':
    case 'maxItems':
    case 'maxProperties':
      return `${place} has ${sizeOf(error)}: ${error.params.limit} are the most`
    default:
      return `${place} ${error.message}`
  }
}

const formIn = ({ params, parentSchema }: ErrorObject): string =>
  formOf(params.pattern) ?? parentSchema?.description ?? `like ${params.pattern}`

/** The size of a value that is too large; only `verbose` validators know it. */
function sizeOf({ keyword, data, params }: ErrorObject): string {
  const what = { maxLength: 'characters', maxItems: 'items', maxProperties: 'fields' }[keyword]
  return `${countOf(data) ?? `more than ${params.limit}`} ${what}`
}

function countOf(data: unknown): number | undefined {
  if (typeof data === 'object' && data !== null) return Object.keys(data).length
  if (typeof data !== 'string') return undefined
  let count = 0
  for (const _ of data) count++
  return count
}

const quoted = (name: unknown) => JSON.stringify(String(name).slice(0, 200))
