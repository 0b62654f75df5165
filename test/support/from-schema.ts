import fc from 'fast-check'

/** A JSON Schema, as far as the protocol's use it. */
export interface Schema {
  $ref?: string
  type?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  patternProperties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  pattern?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
}

/** Values that a schema allows, mostly; small ones. */
export function fromSchema(schema: Schema, resolve: (ref: string) => Schema): fc.Arbitrary<unknown> {
  const { $ref, anyOf, type, pattern, minimum = -1000, maximum = 1000 } = schema
  if ($ref !== undefined) return fromSchema(resolve($ref), resolve)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if ('const' in schema) return fc.constant(schema.const)
  if (anyOf !== undefined) return fc.oneof(...anyOf.map(one => fromSchema(one, resolve)))
  const least = Math.max(minimum, -1e9)
  const most = Math.min(maximum, 1e9)
  switch (type) {
    case 'string':
      if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern), { size: 'small' })
      return fc.string({ minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 20, 20) })
    case 'integer':
      return fc.integer({ min: least, max: most })
    case 'number':
      return fc.oneof(fc.integer({ min: Math.ceil(least), max: Math.floor(most) }), fc.constant(least))
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(schema.items === undefined ? fc.jsonValue() : fromSchema(schema.items, resolve), {
        minLength: schema.minItems ?? 0,
        maxLength: 3,
      })
    case 'object':
      return objects(schema, resolve)
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

function objects(
  { properties = {}, patternProperties = {}, required = [] }: Schema,
  resolve: (ref: string) => Schema,
): fc.Arbitrary<object> {
  const known = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, fromSchema(schema, resolve)]),
  )
  const whole = fc.record(known, { requiredKeys: required.filter(name => name in known) })
  const [pattern, value] = Object.entries(patternProperties)[0] ?? []
  if (pattern === undefined || value === undefined) return whole
  const more = fc.dictionary(
    fc.stringMatching(new RegExp(pattern), { size: 'small' }),
    fromSchema(value, resolve),
    {
      maxKeys: 3,
    },
  )
  return fc.tuple(more, whole).map(([a, b]) => ({ ...a, ...b }))
}

const hostileTexts = [
  '',
  '\u0000',
  '\ud800',
  '..',
  '../../etc/passwd',
  "'; DROP TABLE jobs; --",
  '%00',
  '{{x}}',
  '\u202e\u0007\u001b[2J',
  'x'.repeat(70_000),
]

/** Values that nobody with good intentions sends. */
const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...hostileTexts),
  fc.constantFrom<unknown>(null, true, -1, 1.5, 1e308, -1e308, 2 ** 53, 2 ** 31, [], {}, [[[[]]]]),
  fc.constantFrom<unknown>(
    JSON.parse('{"__proto__":{"a":1}}'),
    { constructor: { prototype: 1 } },
    { toString: 1 },
  ),
  fc.constant(JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`)),
  fc.jsonValue({ maxDepth: 3 }),
)

/** A value with something in it that is wrong: another value, one more, or one less. */
export function spoilt(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc
    .tuple(value, hostile, fc.array(fc.nat(20), { maxLength: 4 }), fc.nat(2))
    .map(([whole, bad, path, how]) => {
      const copy: Record<string, unknown> = { whole: structuredClone(whole) }
      let holder: Record<string, unknown> = copy
      let key = 'whole'
      for (const step of path) {
        const inner = holder[key]
        if (typeof inner !== 'object' || inner === null || Object.keys(inner).length === 0) break
        // An object or a list, as has been seen.
        holder = inner as Record<string, unknown>
        const keys = Object.keys(inner)
        key = keys[step % keys.length]!
      }
      if (how === 0 || holder === copy) holder[key] = bad
      else if (how === 1) delete holder[key]
      else holder[`${key}x`] = bad
      return copy.whole
    })
}
