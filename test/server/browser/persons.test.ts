import t from 'tap'
import type { OidcRole } from '../../../src/config/oidc-roles.ts'
import { personOf } from '../../../src/server/browser/persons.ts'

const role = (claim: string, value: string, more: Partial<OidcRole> = {}): OidcRole => ({
  claim,
  value,
  role: 'viewer',
  namespaces: ['default'],
  ...more,
})
const fits = (claims: Record<string, unknown>, ...roles: OidcRole[]) =>
  personOf({ sub: 's', ...claims }, roles) !== undefined

t.test('a line fits by the value of its claim', async t => {
  t.ok(fits({ groups: ['a', 'b'] }, role('groups', 'b')))
  t.ok(fits({ groups: 'b' }, role('groups', 'b')))
  t.ok(fits({ level: 3, on: true }, role('level', '3')))
  t.ok(fits({ on: true }, role('on', 'true')))
  t.ok(fits({ groups: ['x'] }, role('groups', '*')))
  t.ok(fits({}, role('sub', '*')))
  t.ok(fits({ realm: { roles: ['ops'] } }, role('realm.roles', 'ops')))
  t.ok(fits({ 'https://a.example/groups': ['ops'] }, role('https://a.example/groups', 'ops')))
  for (const groups of [undefined, null, [], {}, [{}], [null], 'ab', ['ab'], 'A'])
    t.notOk(fits({ groups }, role('groups', 'a')), JSON.stringify(groups))
  for (const claim of ['constructor', '__proto__', 'toString', 'groups.length', 'a.constructor'])
    t.notOk(fits({ groups: ['a'], a: {} }, role(claim, '*')), claim)
  t.notOk(fits({ groups: ['a'] }), 'no lines fit nobody')
})

t.test('the first line that fits counts', async t => {
  const lines = [role('groups', 'b', { role: 'operator', namespaces: ['x'] }), role('groups', 'a')]
  t.match(personOf({ sub: 's', groups: ['a', 'b'] }, lines), { role: 'operator', namespaces: ['x'] })
})

t.test('an address counts when it is verified', async t => {
  const line = role('email', 'a@example.org')
  t.ok(fits({ email: 'a@example.org', email_verified: true }, line))
  for (const email_verified of [undefined, false, 'true', 1])
    t.notOk(fits({ email: 'a@example.org', email_verified }, line), String(email_verified))
})

t.test('a person is shown by a name on one line', async t => {
  const name = (claims: Record<string, unknown>) =>
    personOf({ sub: 's', ...claims }, [role('sub', '*')])?.name
  t.equal(name({ preferred_username: 'ada', name: 'Ada' }), 'ada')
  t.equal(name({ preferred_username: '', email: 7, name: 'A\u001b[2J\nda' }), 'A [2J da')
  t.equal(name({ name: '\n' }), 's')
  t.equal(name({ name: 'x'.repeat(1000) })?.length, 128)
})
