import fc from 'fast-check'
import type { InputContext } from '../../src/protocol/messages/jobs.ts'

/** A text that is found wherever it is. */
const secret = fc.uuid().map(id => `top-${id}`)

interface Made {
  value: unknown
  secrets: string[]
}

const none = (value: unknown): Made => ({ value, secrets: [] })

/** Any JSON value, with the secrets in it: properties that are passwords, configuration items, lists of them. */
const { made } = fc.letrec<{ made: Made }>(tie => ({
  made: fc.oneof(
    { maxDepth: 4 },
    fc.jsonValue({ maxDepth: 2 }).map(none),
    fc.array(tie('made'), { maxLength: 3 }).map(parts => ({
      value: parts.map(part => part.value),
      secrets: parts.flatMap(part => part.secrets),
    })),
    fc.array(property(tie('made')), { maxLength: 3 }).map(parts => ({
      value: { id: null, type: 'a.Server', properties: parts.map(part => part.value) },
      secrets: parts.flatMap(part => part.secrets),
    })),
  ),
}))

function property(value: fc.Arbitrary<Made>): fc.Arbitrary<Made> {
  const name = fc.string({ minLength: 1, maxLength: 10 })
  const password = fc
    .tuple(name, fc.oneof(secret, fc.array(secret, { maxLength: 3 }), fc.record({ key: secret })))
    .map(([name, value]) => ({
      value: { name, kind: 'STRING', password: true, value },
      secrets: JSON.stringify(value).match(/top-[0-9a-f-]+/g) ?? [],
    }))
  const open = fc.tuple(name, value).map(([name, { value, secrets }]) => ({
    value: { name, value, password: false },
    secrets,
  }))
  return fc.oneof(password, open)
}

/** An input, and every secret in it. */
export const inputs: fc.Arbitrary<{ input: InputContext; secrets: string[] }> = fc
  .tuple(fc.array(property(made), { maxLength: 5 }), fc.option(secret))
  .map(([properties, password]) => ({
    // The values of its properties are any JSON.
    input: {
      release: { id: 'r', automatedTaskAsUser: { username: 'me', password } },
      task: { type: 'a.Task', properties: properties.map(part => part.value) },
    } as InputContext,
    secrets: [...properties.flatMap(part => part.secrets), ...(password === null ? [] : [password])],
  }))

export const environments = fc.dictionary(
  fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/),
  fc.stringMatching(/^[^\u0000\ud800-\udfff]{0,20}$/u),
)
export const secretEnvironments = fc.dictionary(fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/), secret)
