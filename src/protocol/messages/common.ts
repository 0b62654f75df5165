/* The parts that several messages are made of. */

import { type TSchema, type TString, Type } from 'typebox'
import { defined } from '../../result.ts'
import type { HostFacts } from '../../system/host-facts.ts'
import { asciiWord, harmlessCharacter } from '../../system/printable.ts'
import * as forms from './forms.ts'

export const strict = { additionalProperties: false }
export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])
/**
 * Marks an answer whose fields, and the items of its lists, are judged one by one: a wrong one is left out
 * alone.
 */
export const inParts = <S extends TSchema>(schema: S): S & { inParts: true } =>
  Object.defineProperty(schema, 'inParts', { value: true }) as S & { inParts: true }
export const choice = <const T extends string>(values: readonly T[], description?: string) =>
  Type.Unsafe<T>({ type: 'string', enum: [...values], ...defined({ description }) })

export const Time = Type.String(forms.time)
export const AnyTime = Type.String(forms.anyTime)
export const Id = Type.String(forms.id)
export const Name = Type.String(forms.name)
const Capability = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$',
  description: 'letters, digits and . _ : / -, at most 64',
})
export const Capabilities = Type.Array(Capability, { maxItems: 64, uniqueItems: true })
export const Taints = Type.Array(
  Type.String({
    pattern: `^${asciiWord}{1,128}$`,
    description: 'printable ASCII without blanks, at most 128',
  }),
  {
    maxItems: 64,
    uniqueItems: true,
  },
)
export const Seconds = (maximum: number, minimum = 0) => Type.Number({ minimum, maximum })
export const Base64 = Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' })
/** A fact on one line for people. */
const Fact = Type.String({ minLength: 1, maxLength: 128, pattern: `^${harmlessCharacter}+$` })
/** The facts that a host reports of itself; they select nothing. */
export const hostFacts = {
  os: Type.Optional(Fact),
  os_version: Type.Optional(Fact),
  architecture: Type.Optional(Fact),
  kernel: Type.Optional(Fact),
} satisfies Record<keyof HostFacts, unknown>
export const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })
export const Text = (maxLength: number) => Type.String({ maxLength })
export const Image = Type.String({
  minLength: 1,
  maxLength: 512,
  pattern: `^${asciiWord}+$`,
  description: 'a name of an image without blanks, such as busybox:1.36',
})
/** The digest of an image in its registry. */
export const ImageDigest = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' })
/** A word that a process can be given: no NUL, and no half of a surrogate pair. */
export const Word = Type.String({
  maxLength: 131_072,
  pattern: '^[^\\u0000\\ud800-\\udfff]*$',
  description: 'text without a NUL character',
})
export const Words = Type.Array(Word, { maxItems: 4096 })
export const variables = <S extends TSchema>(value: S) =>
  Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,255}$' }), value, {
    additionalProperties: false,
    description: 'letters, digits and underscore, and no digit first',
  })
export const Environment = variables(Word)
/** A secret, or what GET /v1/jobs shows in its place. */
export const sealable = (clear: TString) =>
  Type.Union([clear, Type.String({ maxLength: 4_194_304, pattern: '^sealed:v1:[A-Za-z0-9+/]+={0,2}$' })], {
    description: 'a secret: shown, and taken again, as `sealed:v1:<base64>` under the key of the server',
  })
export const Signal = Type.String({
  pattern: '^SIG[A-Z0-9]{1,16}$',
  description: 'the name of a signal, such as SIGTERM',
})

/**
 * The problem of an item whose row in the store, or a part of it, cannot be read. The item is shown with it.
 */
export const ShownProblem = Type.Optional(
  Type.String({ description: 'why it is not shown whole; there only where it is not' }),
)

export const list = <S extends TSchema>($id: string, items: S) =>
  Type.Object(
    {
      items: Type.Array(items),
      next: nullable(Type.String({ description: 'the value for `after` of the next page' })),
    },
    { $id },
  )
