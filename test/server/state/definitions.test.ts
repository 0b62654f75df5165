import fc from 'fast-check'
import t from 'tap'
import type { JobBody } from '../../../src/protocol/messages/jobs.ts'
import { JobBody as JobBodySchema } from '../../../src/protocol/messages/jobs.ts'
import type { SecretValues } from '../../../src/protocol/messages/reservations.ts'
import { unseal } from '../../../src/protocol/seal.ts'
import { checkOf } from '../../../src/protocol/validation.ts'
import {
  confidential,
  reservationParts,
  secretsOf,
  showDefinition,
  storeDefinition,
} from '../../../src/server/state/definitions.ts'
import { keysOf } from '../../../src/store/seal-key.ts'
import { environments, inputs, secretEnvironments } from '../../support/inputs.ts'

const keys = keysOf(Buffer.alloc(32, 1))
const otherKeys = keysOf(Buffer.alloc(32, 2))
/** The namespace of most definitions. */
const here = 'team-a'
const check = checkOf('body', JobBodySchema)

function stored(given: JobBody) {
  const result = storeDefinition(given, keys, here)
  if (!result.ok) throw new Error(result.failure.detail)
  return result.value
}

const inputWith = (...properties: { name: string; value?: unknown; password?: boolean }[]) => ({
  task: { type: 'a.Task', properties },
})

t.test(
  'no secret is in clear in what is stored or shown, and all are the same when what is shown is stored again',
  async t => {
    fc.assert(
      fc.property(inputs, environments, secretEnvironments, ({ input, secrets }, env, secret_env) => {
        const row = stored({ image: 'x', input, env, secret_env })
        const shown = showDefinition(row, keys, here)
        const checked = check(shown)
        if (!checked.ok) throw new Error(checked.failure)
        const visible = JSON.stringify([row, shown])
        for (const secret of [...secrets, ...Object.values(secret_env)])
          if (visible.includes(secret)) return false
        const again = stored(shown)
        const same = (part: unknown) => JSON.stringify(part)
        return (
          same(confidential(row, keys)) === same({ input, env, secret_env }) &&
          same(confidential(again, keys)) === same({ input, env, secret_env }) &&
          same(again.body) === same(row.body)
        )
      }),
    )
    t.pass()
  },
)

t.test('secrets of more than 256 KiB together are refused', async t => {
  const secret_env = { A: 'a'.repeat(131_072), B: 'b'.repeat(131_072) }
  t.ok(storeDefinition({ image: 'x', secret_env }, keys, here).ok)
  const more = storeDefinition({ image: 'x', secret_env: { ...secret_env, C: 'c' } }, keys, here)
  t.match(more, { ok: false, failure: { reason: 'malformed', detail: /262145 bytes/ } })
})

t.test('every secret is among those that must not be seen in a log', async t => {
  fc.assert(
    fc.property(inputs, secretEnvironments, ({ input, secrets }, secret_env) => {
      const found = new Set(secretsOf({ input, secret_env }))
      return [...secrets, ...Object.values(secret_env)].every(secret => found.has(secret))
    }),
  )
  t.pass()
})

t.test(
  'the names and types of a configuration item that is a password are no secrets, its values are',
  async t => {
    const server = {
      id: 'Applications/s',
      type: 'a.Server',
      properties: [{ name: 'url', value: 'https://s' }],
    }
    const input = inputWith({ name: 'server', password: true, value: server })
    t.same(secretsOf({ input }), ['https://s'])
    const numbers = inputWith({ name: 'pin', password: true, value: [1234, true, null, ''] })
    t.same(secretsOf({ input: numbers }), ['1234'])
  },
)

t.test(
  'a password that is null is shown as it is; what is sealed within one that is not is opened too',
  async t => {
    const row = stored({ image: 'x', input: inputWith({ name: 'p', password: true, value: null }) })
    t.same(showDefinition(row, keys, here).input, inputWith({ name: 'p', password: true, value: null }))
    const inner = showDefinition(
      stored({ image: 'x', input: inputWith({ name: 'p', password: true, value: 'v' }) }),
      keys,
      here,
    )
    const sealed = inner.input?.task.properties[0]?.value
    const outer = stored({
      image: 'x',
      input: inputWith({
        name: 'ci',
        password: true,
        value: { properties: [{ name: 'q', password: true, value: sealed }] },
      }),
    })
    t.same(secretsOf(confidential(outer, keys)), ['v'])
  },
)

t.test('what was sealed under another key is refused by its names, and so is what was damaged', async t => {
  const input = inputWith({ name: 'token', password: true, value: 'v' })
  const shown = showDefinition(stored({ image: 'x', input, secret_env: { A: 'b' } }), keys, here)
  t.match(storeDefinition(shown, otherKeys, here), {
    ok: false,
    failure: { reason: 'unknown-key', detail: /^token, A: / },
  })
  for (const text of [
    'sealed:v1:',
    'sealed:v1:AAAA',
    'sealed:v1:not base64',
    `sealed:v1:${keys.sealAtRest('{')}`,
  ])
    t.match(storeDefinition({ image: 'x', secret_env: { A: text } }, keys, here), {
      ok: false,
      failure: { reason: 'unknown-key', detail: /^A: / },
    })
})

t.test('a secret that is shown in one namespace opens in no other', async t => {
  const input = inputWith({ name: 'token', password: true, value: 'v' })
  const shown = showDefinition(stored({ image: 'x', input, secret_env: { A: 'b' } }), keys, here)
  t.match(storeDefinition(shown, keys, 'team-b'), {
    ok: false,
    failure: { reason: 'unknown-key', detail: 'token, A: sealed in another namespace; give it in clear' },
  })
  t.ok(storeDefinition(shown, keys, here).ok)
  const of010 = `sealed:v1:${keys.sealAtRest(JSON.stringify({ secret: 'b' }))}`
  t.ok(storeDefinition({ image: 'x', secret_env: { A: of010 } }, keys, here).ok, 'release 0.1.0 named none')
})

t.test('defaults are filled in; the kind is plugin where there is an input, and never command', async t => {
  t.same(stored({ image: 'x', capabilities: ['b', 'a'] }).body, {
    kind: 'command',
    image: 'x',
    capabilities: ['a', 'b'],
    runner_group: 'default',
    priority: 0,
    retries: 0,
    concurrency: 'allow',
  })
  t.equal(stored({ image: 'x', input: inputWith() }).body.kind, 'plugin')
  t.equal(stored({ image: 'x', kind: 'plugin' }).body.kind, 'plugin')
  t.match(storeDefinition({ image: 'x', kind: 'command', input: inputWith() }, keys, here), {
    ok: false,
    failure: { reason: 'malformed' },
  })
})

t.test('an input with too many levels is refused, not a crash', async t => {
  let value: unknown = 1
  for (let level = 0; level < 100_000; level++) value = [value]
  t.match(storeDefinition({ image: 'x', input: inputWith({ name: 'deep', value }) }, keys, here), {
    ok: false,
    failure: { reason: 'malformed', detail: '/input has more than 100 levels' },
  })
})

t.test('a key named __proto__ is a key like any other', async t => {
  const value = JSON.parse('{"__proto__": {"password": true, "value": "top"}}')
  const input = inputWith({ name: 'odd', value })
  const row = stored({ image: 'x', input })
  t.same(secretsOf(confidential(row, keys)), ['top'])
  t.notMatch(JSON.stringify(showDefinition(row, keys, here)), 'top')
})

t.test(
  'a runner gets the input and the secrets sealed with its data key, and null where there are none',
  async t => {
    const dataKey = Buffer.alloc(32, 3)
    const input = inputWith({ name: 'p', password: true, value: 'v' })
    const parts = reservationParts({ input, env: { A: 'a' }, secret_env: { B: 'b' } }, () => dataKey)
    const open = (text: string | null) => {
      const opened = unseal(text!, dataKey)
      return opened.ok && JSON.parse(opened.value.toString())
    }
    t.same(open(parts.input), input)
    t.same(open(parts.secret_values), { env: { B: 'b' }, mask: ['b', 'v'] } satisfies SecretValues)
    t.same(parts.env, { A: 'a' })
    t.same(
      reservationParts({}, () => dataKey),
      { env: undefined, input: null, secret_values: null },
    )
  },
)
