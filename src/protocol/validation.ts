import { Ajv, type Options, type ValidateFunction } from 'ajv'
import { fail, ok, type Result } from '../result.ts'
import { describeError } from './describe-error.ts'

/**
 * The part of a request that is checked, as a person would call it; or a definition that comes another way.
 */
export type RequestPart = 'body' | 'entry' | 'query' | 'path' | 'definition'

/**
 * Checks a value, and fails with a sentence. Texts of a query and a path become numbers and booleans in their
 * place.
 */
export type Check<T> = (value: unknown) => Result<T, string>

// A test holds the schemas of calls against the schema of schemas (validation.test.ts), so no start does.
// Without that an Ajv costs next to nothing, and each check makes its own.
const ours: Options = { meta: false, validateSchema: false, verbose: true, removeAdditional: false }
// A body is taken as it is: an unknown field is refused, not removed, and no text becomes a number.
const exact: Options = { ...ours, coerceTypes: false }
const fromText: Options = { ...ours, coerceTypes: true, useDefaults: true }

/**
 * A check by a schema, which is compiled when it is first needed; `T` is the type that the schema describes.
 */
export function checkOf<T = unknown>(part: RequestPart, schema: object): Check<T> {
  let compiled: ValidateFunction<T> | undefined
  return value => {
    compiled ??= new Ajv(part === 'query' || part === 'path' ? fromText : exact).compile<T>(schema)
    return compiled(value) ? ok(value) : fail(describeError(compiled.errors?.[0], `the ${part}`))
  }
}
