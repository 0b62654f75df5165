import fc from 'fast-check'
import t from 'tap'
import { Registration } from '../../../src/protocol/messages/registration.ts'
import { checkOf } from '../../../src/protocol/validation.ts'
import { readHostFacts } from '../../../src/system/host-facts.ts'

const check = checkOf('body', Registration)
const registration = (host: unknown) => ({
  uuid: '00000000-0000-4000-8000-000000000001',
  name: 'one',
  version: '1',
  public_key: 'a key',
  capabilities: [],
  runner_group: 'default',
  host,
})

t.test('whatever a host tells of itself, a server takes it', async t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), value => {
      const root = t.testdir({ etc: { 'os-release': `NAME="${value}"\nVERSION_ID=${value}` } })
      t.ok(check(registration(readHostFacts(root))).ok)
    }),
    { numRuns: 20 },
  )
  t.ok(check(registration(readHostFacts())).ok)
  t.ok(check(registration({})).ok)
  t.ok(check(registration(undefined)).ok, 'a runner of release 0.1.0 tells nothing')
})

t.test('facts that are too long, hostile or unknown are refused', async t => {
  for (const fact of ['', 'a'.repeat(129), 'a\nb', '\x1b[2J', 'a\u202eb', 7, null, {}])
    t.match(check(registration({ os: fact })), { failure: /^host\.os in the body / }, JSON.stringify(fact))
  t.match(check(registration({ more: 'a' })), { failure: /^host in the body has an unknown field "more"$/ })
  t.match(check(registration('Debian')), { failure: /^host in the body must be object$/ })
})
