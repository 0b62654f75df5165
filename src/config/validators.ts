/*
 * The schemas of all sections as functions. In a build, scripts/build.ts puts compiled code in the place of
 * this file, so that a start compiles nothing and the program carries no compiler.
 */
import { Ajv } from 'ajv'
import { schemas } from './sections/all.ts'

export const validators = compiled()

function compiled() {
  const ajv = new Ajv({ allErrors: true })
  return Object.fromEntries(Object.entries(schemas()).map(([name, schema]) => [name, ajv.compile(schema)]))
}
