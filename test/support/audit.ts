/* The audit log of a server, as tests read it. */
import { ChainCheck } from '../../src/protocol/audit-chain.ts'
import { parseJson } from '../../src/protocol/exact-json.ts'
import type { AuditEntry, AuditList } from '../../src/protocol/messages/audit.ts'
import type { TestServer } from './server.ts'

/** All entries, the oldest first, and where their chain is broken. */
export async function auditOf(server: TestServer, query = ''): Promise<AuditEntry[]> {
  const { entries, broken } = await readAudit(server, query)
  if (query === '' && broken !== undefined) throw new Error(broken.detail)
  return entries
}

/** The same with what is broken. */
async function readAudit(server: TestServer, query = '') {
  let check: ChainCheck | undefined
  const entries: AuditEntry[] = []
  let after = ''
  let page: AuditList | undefined
  do {
    const { status, text } = await server.call('GET', `/v1/audit?limit=50${query}${after}`)
    if (status !== 200) throw new Error(text)
    page = parseJson(text) as AuditList
    check ??= new ChainCheck(page.ends)
    for (const entry of page.items) check.add(entry)
    entries.push(...page.items)
    after = `&after=${page.next}`
  } while (page.next !== null)
  return { entries: entries.toReversed(), ...check.finish(page.begins) }
}
