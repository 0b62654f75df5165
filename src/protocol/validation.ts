import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'

/** What a request was made of, as a person would call it; or a definition that goes into none. */
export type Part = 'body' | 'entry' | 'query' | 'path' | 'definition'

/** Checks a value; of a query and a path it also makes numbers and booleans of texts, and puts defaults in. */
export type Check = (value: unknown) => string | undefined

// Nothing is taken out of what was sent, and a body is taken as it is: what does not fit is said.
const exact = new Ajv({ removeAdditional: false, coerceTypes: false })
const fromText = new Ajv({ removeAdditional: false, coerceTypes: true, useDefaults: true })

/** A check by a schema, compiled when it is first needed; it says what is wrong. */
export function checkOf(part: Part, schema: object): Check {
  let compiled: ValidateFunction | undefined
  return value => {
    compiled ??= (part === 'query' || part === 'path' ? fromText : exact).compile(schema)
    return compiled(value) ? undefined : describe(part, compiled.errors?.[0])
  }
}

function describe(part: Part, error: ErrorObject | undefined): string {
  if (error === undefined) return `the ${part} is not as it must be`
  const names = error.instancePath
    .split('/')
    .slice(1)
    .map(name => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  const place = names.length === 0 ? `the ${part}` : `${names.join('.').slice(0, 200)} in the ${part}`
  switch (error.keyword) {
    case 'additionalProperties':
      return `${place} has an unknown field ${quoted(error.params.additionalProperty)}`
    case 'required':
      return `${place} has no field ${quoted(error.params.missingProperty)}`
    case 'enum':
      return `${place} must be one of ${error.params.allowedValues.join(', ')}`
    default:
      return `${place} ${error.message}`
  }
}

const quoted = (name: unknown) => JSON.stringify(String(name).slice(0, 200))
