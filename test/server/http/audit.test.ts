import type { FastifyRequest } from 'fastify'
import t from 'tap'
import type { AuditFacts } from '../../../src/protocol/audit-chain.ts'
import { Audit, type AuditParts } from '../../../src/server/http/audit.ts'
import type { Writer } from '../../../src/store/writer.ts'
import { makeContext } from '../../support/context.ts'

/** An audit log over a store that takes entries only while it works. */
function auditOver() {
  const written: AuditFacts[] = []
  const logged: string[] = []
  const state = { works: true }
  // Of writer, store, outages and request there is only what the audit log uses.
  const tx = { audit: (facts: AuditFacts) => written.push(facts) } as unknown as Writer
  const store = {
    async write(writer: (tx: Writer) => Promise<unknown>) {
      if (!state.works) throw new Error('it does not work')
      return writer(tx)
    },
  }
  const audit = new Audit({
    store: store as AuditParts['store'],
    keys: makeContext().keys,
    log: (_, message) => logged.push(message),
    outages: { takes: () => false } as unknown as AuditParts['outages'],
  })
  return { audit, written, logged, state }
}

const from = (address: string): FastifyRequest =>
  ({ address, method: 'GET', id: '1', url: '/v1/jobs\0?x=1' }) as unknown as FastifyRequest

t.test('entries wait for a store that does not work', async t => {
  const { audit, written, logged, state } = auditOver()
  state.works = false
  audit.failedLogin(from('192.0.2.1'), { reason: 'bad-token' })
  await audit.endMinute()
  t.same(written, [])
  t.ok(logged.includes('the audit log cannot be written'))
  state.works = true
  await audit.endMinute()
  t.match(written, [{ call: 'login', address: '192.0.2.1', path: '/v1/jobs\ufffd', status: 401, count: 1 }])
  await audit.endMinute()
  t.equal(written.length, 1)
  audit.failedLogin(from('192.0.2.2'), { reason: 'bad-token' })
  await audit.endMinute()
  t.equal(written.length, 2, 'also after a minute in which there was nothing to write')
})

t.test('what has been counted is written at the end of the minute, and when the server stops', async t => {
  const { audit, written } = auditOver()
  for (let n = 0; n < 5; n++) audit.failedLogin(from('192.0.2.1'), { reason: 'bad-token' })
  await audit.close()
  t.match(written, [{ count: 1 }, { count: 4 }])
})
