/* The schemas of answer-shapes.ts as functions. In a build, scripts/build.ts puts compiled code in the place of this file. */
import { Ajv, type ErrorObject } from 'ajv'
import { schemas } from './answer-shapes.ts'

export { shapes } from './answer-shapes.ts'

/** Whether a value fits; if not, `errors` says why. */
export interface Validator {
  (value: unknown): boolean
  errors?: ErrorObject[] | null
}

const ajv = new Ajv({ removeAdditional: false, coerceTypes: false })
const compiled = new Map<string, Validator>()

/** The validator of a name; compiled when it is first needed. */
export function validatorOf(name: string): Validator {
  let validator = compiled.get(name)
  if (validator === undefined) {
    validator = ajv.compile(schemas[name]!)
    compiled.set(name, validator)
  }
  return validator
}
