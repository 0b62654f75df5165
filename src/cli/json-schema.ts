/* JSON Schema of what commands print with `--json`. For scripts and tests alone: no command imports it. */

/** A part of JSON Schema (draft 7). */
export type JsonSchema = object

/** The output of a command with `--json`. */
export interface Output {
  /** A sentence about it. */
  about: string
  /** One value; or of each line, where `lines` says that there are many. */
  schema: JsonSchema
  /** One JSON value a line, each as soon as it is known; on standard error where that is said. */
  lines?: 'standard output' | 'standard error'
}

/** The outputs by the words of their commands. */
export type CommandOutputs = Readonly<Record<string, Output>>

export const text: JsonSchema = { type: 'string' }
export const number: JsonSchema = { type: 'number' }
export const whole: JsonSchema = { type: 'integer' }
export const flag: JsonSchema = { type: 'boolean' }
export const nothing: JsonSchema = { type: 'null' }
export const time: JsonSchema = { type: 'string', format: 'date-time' }

export const oneOf = (...values: readonly string[]): JsonSchema => ({ enum: values })
export const either = (...schemas: readonly JsonSchema[]): JsonSchema => ({ anyOf: schemas })
export const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items })
export const table = (values: JsonSchema): JsonSchema => ({ type: 'object', additionalProperties: values })

/** An object with these fields; the others may be absent. */
export const object = (
  fields: Readonly<Record<string, JsonSchema>>,
  others: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema => ({
  type: 'object',
  properties: { ...fields, ...others },
  required: Object.keys(fields),
})
