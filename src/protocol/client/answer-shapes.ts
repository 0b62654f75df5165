/*
 * The schemas by which a client judges each answer, each event and each sealed payload: those of api.ts,
 * except that unknown fields are ignored, since answers may grow. scripts/build.ts compiles them to code.
 */
import type { TSchema } from 'typebox'
import { type CallName, callNames, specOf } from '../api.ts'
import { InputContext } from '../messages/jobs.ts'
import { Credentials } from '../messages/registration.ts'
import { SecretValues } from '../messages/reservations.ts'

/**
 * The way in which a field of an answer is judged. `one`: alone. `each`: as a list whose items are judged
 * alone. A part that does not fit is left out. In a page of a list (`all`, `must`) it fails the answer.
 */
export type How = 'one' | 'each' | 'must' | 'all'
/** A field of an answer that is judged by its fields; one that is not required may be absent. */
export interface Field {
  how: How
  required: boolean
}
/** The way in which an answer is judged: as a whole, as a list, or by its fields. */
export type Shape = 'whole' | 'list' | Readonly<Record<string, Field>>

export interface Shapes {
  shapes: Record<string, Shape>
  /** The schemas by the name of the answer, event or payload, and of the field if there is one. */
  schemas: Record<string, object>
}

/** A part of JSON Schema. */
interface Schema {
  type?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
}

/**
 * A schema as a client judges by it. `words`: a word out of a list may be one that only a newer program
 * knows.
 */
function grown(schema: unknown, words: 'any' | 'known'): unknown {
  if (Array.isArray(schema)) return schema.map(part => grown(part, words))
  if (typeof schema !== 'object' || schema === null) return schema
  const { $id: _, description: __, ...rest } = schema as Record<string, unknown>
  const dropped = [
    ...(rest.patternProperties === undefined ? ['additionalProperties'] : []),
    ...(words === 'any' && Array.isArray(rest.enum) ? ['enum'] : []),
  ]
  const parts = Object.entries(rest).filter(([key]) => !dropped.includes(key))
  return Object.fromEntries(parts.map(([key, part]) => [key, grown(part, words)]))
}

function add({ shapes, schemas }: Shapes, name: string, schema: TSchema, words: 'any' | 'known'): void {
  const copy = grown(schema, words) as Schema
  const fields = Object.entries(copy.properties ?? {})
  const required = new Set(copy.required)
  const judge = (list: How, other: How) =>
    Object.fromEntries(
      fields.map(([field, { items }]) => [
        field,
        { how: items ? list : other, required: required.has(field) },
      ]),
    )
  if ('inParts' in schema) shapes[name] = judge('each', 'one')
  else if (copy.properties?.items?.type === 'array') shapes[name] = judge('all', 'must')
  else {
    shapes[name] = copy.type === 'array' ? 'list' : 'whole'
    schemas[name] = copy.items ?? copy
    return
  }
  for (const [field, part] of fields) schemas[`${name} ${field}`] = part.items ?? part
}

/** The answers that the programs of a runner and of an operator have to judge. */
export function shapesOf(names: readonly CallName[]): Shapes {
  const all: Shapes = { shapes: {}, schemas: {} }
  for (const name of names) {
    const call = specOf(name)
    const words = runnerCallNames.includes(name) ? 'known' : 'any'
    for (const [status, schema] of Object.entries(call.answers))
      if (schema !== null && !Array.isArray(schema)) add(all, `${name} ${status}`, schema as TSchema, words)
    for (const [event, schema] of Object.entries(call.events ?? {}))
      add(all, `${name} ${event}`, schema, words)
  }
  if (names.includes('register'))
    for (const [name, schema] of Object.entries(sealedPayloads)) add(all, name, schema, 'known')
  return all
}

/** The sealed payloads. */
const sealedPayloads = {
  credentials: Credentials,
  input: InputContext,
  secret_values: SecretValues,
} as const
export type Payload = keyof typeof sealedPayloads

/** The calls that runners make. */
export const runnerCallNames: readonly CallName[] = callNames.filter(name => {
  const { access } = specOf(name)
  // A call for every kind of token (whoami) is one that operators make.
  return access.includes('runner') && !access.includes('admin')
})

export const { shapes, schemas } = shapesOf(callNames)
