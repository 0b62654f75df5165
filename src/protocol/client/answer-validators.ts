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

// Takes the place of the table of functions that a build has here. From the sources a command compiles only
// the schemas that it needs, once: ajv keeps compiled ones.
const ajv = new Ajv({ removeAdditional: false, coerceTypes: false })
/** The validator of a name. */
export const validatorOf = (name: string): Validator => ajv.compile(schemas[name] ?? false)
