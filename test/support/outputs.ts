import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Ajv } from 'ajv'
import { definitionOf } from '../../scripts/output-page.ts'

const reference = (name: string) =>
  JSON.parse(readFileSync(resolve(import.meta.dirname, '../../docs/reference', name), 'utf8'))

/** A schema that refuses every field that it does not name, so that each field of an output is documented. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const parts = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  return 'properties' in parts && parts.type === 'object' ? { additionalProperties: false, ...parts } : parts
}

let ajv: Ajv | undefined

/** The violations of the published schema in the JSON of a command: one value, or one a line. */
export function outputProblems(command: string, text: string): string[] {
  if (ajv === undefined) {
    const schema = reference('output.schema.json')
    ajv = new Ajv({ strict: false, validateFormats: false })
      .addSchema(reference('events.schema.json'), 'https://runner.invalid/events.schema.json')
      .addSchema({ ...schema, definitions: closed(schema.definitions) })
  }
  const name = encodeURIComponent(definitionOf(command))
  const validate = ajv.getSchema(`https://runner.invalid/output.json#/definitions/${name}`)
  if (validate === undefined) return [`there is no schema of ${command}`]
  return text
    .trimEnd()
    .split('\n')
    .flatMap(line => (validate(JSON.parse(line)) ? [] : `${line}: ${ajv!.errorsText(validate.errors)}`))
}
