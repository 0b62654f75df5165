import { Ajv, type ValidateFunction } from 'ajv'
import { describeError } from './describe-error.ts'

/** What a request was made of, as a person would call it; or a definition that goes into none. */
export type Part = 'body' | 'entry' | 'query' | 'path' | 'definition'

/** Checks a value; of a query and a path it also makes numbers and booleans of texts, and puts defaults in. */
export type Check = (value: unknown) => string | undefined

// Nothing is taken out of what was sent, and a body is taken as it is: what does not fit is said.
const exact = new Ajv({ removeAdditional: false, coerceTypes: false, verbose: true })
const fromText = new Ajv({ removeAdditional: false, coerceTypes: true, useDefaults: true, verbose: true })

/** A check by a schema, compiled when it is first needed; it says what is wrong. */
export function checkOf(part: Part, schema: object): Check {
  let compiled: ValidateFunction | undefined
  return value => {
    compiled ??= (part === 'query' || part === 'path' ? fromText : exact).compile(schema)
    return compiled(value) ? undefined : describeError(compiled.errors?.[0], `the ${part}`)
  }
}
