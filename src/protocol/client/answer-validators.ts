/*
 * The schemas of answer-shapes.ts as functions. In a build, scripts/build.ts puts compiled code in the place
 * of this file.
 */
import { Ajv, type ErrorObject } from 'ajv'
import { schemas } from './answer-shapes.ts'

export { shapes } from './answer-shapes.ts'

/** Whether a value fits; if not, `errors` has the reasons. */
export interface Validator {
  (value: unknown): boolean
  errors?: ErrorObject[] | null
}

// Stands for a table of functions, which is what a build has here. From the sources a command compiles only
// what it needs, once: ajv keeps what it has compiled.
const ajv = new Ajv({ removeAdditional: false, coerceTypes: false })
/** The validator of a name. */
export const validatorOf = (name: string): Validator => ajv.compile(schemas[name] ?? false)
