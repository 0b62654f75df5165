import t from 'tap'
import { AuditTally } from '../../../src/server/http/audit-tally.ts'
import { factsOf } from '../../../src/server/rules/audit-facts.ts'

const facts = (path: string) => ({ ...factsOf('login', { object: null }), address: '192.0.2.1', path })
const counts = (tally: AuditTally) => tally.endMinute().map(({ path, count }) => [path, count])

t.test('a flood is one entry a minute, with the facts of the last', async t => {
  const tally = new AuditTally()
  const taken = (times: number) =>
    Array.from({ length: times }, (_, n) => tally.takes('login', 'a', facts(`/${n}`))).filter(Boolean).length
  t.equal(taken(1000), 1)
  t.same(counts(tally), [['/999', 999]])
  t.equal(taken(500), 0)
  t.same(counts(tally), [['/499', 500]])
  t.same(counts(tally), [], 'and none where it has ended')
  t.equal(taken(1), 1)
  t.same(counts(tally), [])
})

t.test('a flood from everywhere is as few entries', async t => {
  const tally = new AuditTally()
  let written = 0
  for (let n = 0; n < 5000; n++) if (tally.takes('login', `address ${n}`, facts(`/${n}`))) written++
  t.equal(written, 20)
  const rest = tally.endMinute()
  t.match(rest, [{ count: 4980, address: null, path: null }])
  t.equal(rest.length, 1)
})

t.test('kinds do not count for one another, and a token has some entries of its own', async t => {
  const tally = new AuditTally()
  const written = (kind: 'refused' | 'read') =>
    Array.from({ length: 25 }, () => tally.takes(kind, 'token', facts(kind))).filter(Boolean).length
  t.equal(written('refused'), 20)
  t.equal(written('read'), 1)
  t.same(counts(tally), [
    ['refused', 5],
    ['read', 24],
  ])
})
