import t from 'tap'
import type { AuditEntry } from '../../../src/protocol/messages/audit.ts'
import { auditOf } from '../../support/audit.ts'
import { serverTest, type TestServer } from '../../support/server.ts'
import { everyStore } from '../../support/stores.ts'
import { runs } from '../../support/tier.ts'

/** The number of times that the server is killed; more for a soak. */
const crashes = runs(3)
/** Changes under way at once. */
const atOnce = 6

/** Puts one job after the other until the server is gone; gives those that were acknowledged. */
async function putUntilGone(server: TestServer, name: string, put: (name: string) => void): Promise<void> {
  for (let n = 0; ; n++) {
    const job = `${name}-${n}`
    const answer = await server
      .call('PUT', `/v1/jobs/${job}`, { body: { image: 'i' } })
      .catch(() => undefined)
    if (answer === undefined) return
    if (answer.status !== 201) throw new Error(answer.text)
    put(job)
  }
}

serverTest(
  t,
  'killed at any moment, no change is without its entry, and no entry without its change',
  { stores: everyStore },
  async (t, server) => {
    const acknowledged: string[] = []
    for (let crash = 0; crash < crashes; crash++) {
      const until = acknowledged.length + 10 + crash * 7
      const put = (job: string) => {
        acknowledged.push(job)
        if (acknowledged.length === until) process.kill(server.pid, 'SIGKILL')
      }
      await Promise.all(Array.from({ length: atOnce }, (_, n) => putUntilGone(server, `c${crash}-${n}`, put)))
      await server.run.ended
      await server.restart()
    }
    // It throws where the chain is broken.
    const entries = (await auditOf(server)).filter(({ call }: AuditEntry) => call === 'putJob')
    const inLog = entries.map(({ object }) => object ?? '').toSorted()
    const jobs = (await server.call('GET', '/v1/jobs')).json.map(({ name }: { name: string }) => name)
    t.same(inLog, jobs.toSorted(), 'each job that is there has one entry, and there are no others')
    const there = new Set(jobs)
    t.same(
      acknowledged.filter(job => !there.has(job)),
      [],
      'and all that was acknowledged is there',
    )
    t.ok(acknowledged.length >= 10 * crashes)
  },
)
