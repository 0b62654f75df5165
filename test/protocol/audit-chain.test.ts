import fc from 'fast-check'
import t from 'tap'
import {
  ChainCheck,
  canonicalJson,
  chainStart,
  entryAfter,
  hashOfEntry,
} from '../../src/protocol/audit-chain.ts'
import { parseJson } from '../../src/protocol/exact-json.ts'
import type { AuditEntry } from '../../src/protocol/messages/audit.ts'
import { factsOf } from '../../src/server/rules/audit-facts.ts'

/** A whole chain, the latest entry first. */
function chain(length: number): AuditEntry[] {
  const entries: AuditEntry[] = []
  let previous = chainStart.hash
  for (let number = 1; number <= length; number++) {
    // The hash is over whatever an entry has: three fields are enough to tell entries apart.
    const entry = { number, previous, call: 'putJob', after: { number } } as unknown as AuditEntry
    previous = hashOfEntry(entry)
    entries.unshift({ ...entry, hash: previous })
  }
  return entries
}

/** The findings of a reader that gets these entries of a chain. */
function found(whole: readonly AuditEntry[], given: readonly AuditEntry[], begins = chainStart) {
  const { number, hash } = whole[0]!
  const check = new ChainCheck({ number, hash })
  for (const entry of given) check.add(entry)
  return check.finish(begins).broken?.detail
}

t.test('a whole chain is whole, also behind what retention has removed', async t => {
  const whole = chain(5)
  t.equal(found(whole, whole), undefined)
  t.equal(found(whole, whole.slice(0, 3), { number: 2, hash: whole[3]!.hash }), undefined)
  const gone = { number: 4, hash: whole[1]!.hash }
  t.equal(found(whole, whole.slice(0, 3), gone), undefined, 'also where it goes on meanwhile')
})

t.test('a changed, a removed, a moved and an unreadable entry are found', async t => {
  const whole = chain(5)
  const without = (at: number, ...instead: AuditEntry[]) => whole.toSpliced(5 - at, 1, ...instead)
  t.equal(found(whole, without(3)), 'entry 3 is missing')
  t.equal(found(whole, without(5)), 'entry 5 is missing')
  t.equal(found(whole, without(1)), 'entry 1 is missing')
  t.equal(found(whole, [whole[0]!, whole[4]!]), 'entries 2 to 4 are missing')
  t.equal(found(whole, []), 'entries 1 to 5 are missing')
  const changed = { ...whole[2]!, call: 'getJob' }
  t.equal(found(whole, without(3, changed)), 'entry 3 is not what was written')
  const hash = hashOfEntry(changed)
  t.match(found(whole, without(3, { ...changed, hash })), /^entry 3 is not .* another hash/)
  t.match(found(whole, without(5, { ...whole[0]!, call: 'x' })), /^entry 5 is not/)
  t.equal(found(whole, without(3, { ...changed, problem: 'x' })), 'entry 3 cannot be read')
  t.equal(found(whole, without(3, whole[2]!, whole[2]!)), 'entry 3 stands where entry 2 belongs')
  t.match(found(whole, whole.slice(0, 3), { number: 2, hash }), /^entry 3 does not follow/)
})

t.test('canonical JSON does not depend on how a value came about', async t => {
  t.equal(
    canonicalJson({ b: [1, { z: null, a: 'ü\u2028"' }], a: 1e21, c: undefined }),
    '{"a":1e+21,"b":[1,{"a":"ü\u2028\\"","z":null}]}',
  )
  t.equal(canonicalJson(parseJson('{"a": 12345678901234567890}')), '{"a":12345678901234567890}')
  fc.assert(
    fc.property(
      fc.jsonValue(),
      value => canonicalJson(JSON.parse(canonicalJson(value))) === canonicalJson(value),
    ),
  )
})

t.test('the hash that an entry is made with is the one that its readers compute', async () => {
  const entry = fc.record({
    call: fc.constantFrom('submit', 'ü\ud800\u2028"'),
    object: fc.constantFrom(null, 'a', 'ü\ud800\u2028"'),
    before: fc.option(fc.jsonValue()),
    after: fc.option(fc.jsonValue()),
  })
  fc.assert(
    fc.property(entry, ({ call, ...change }) => {
      const facts = { ...factsOf(call, change), address: change.object, status: 201, count: 2 }
      const made = entryAfter({ number: 7, hash: chainStart.hash }, new Date(0).toISOString(), facts)
      return made.hash === hashOfEntry(JSON.parse(JSON.stringify(made)))
    }),
  )
})
