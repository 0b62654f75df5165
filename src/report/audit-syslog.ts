import type { Clock } from '../edges.ts'
import type { AuditEntry } from '../protocol/messages/audit.ts'
import { jsonText } from '../system/printable.ts'
import { feed } from './feed.ts'

/** Seconds that logger gets for one call. */
const loggerTimeout = 10
/** Bytes of the longest message: an entry without its change is shorter. */
const longest = '8192'
/** `authpriv`, and the severities of RFC 5424 for what was done and what was refused. */
const authpriv = 10 * 8
const severity = { done: 5, refused: 4 }

const options = ['--rfc5424', '--prio-prefix', '--socket-errors=on', '--size', longest]

/**
 * Writes entries of the audit log into the system log, by one call of logger(1): messages of RFC 5424, each
 * an entry as JSON without what was changed. Resolves to the problem where logger does not say that the
 * socket of the system log has taken all of them.
 */
export function auditToSyslog(
  entries: readonly (Omit<AuditEntry, 'before' | 'after'> & {
    before?: unknown
    after?: unknown
    sealed?: string
  })[],
  clock: Clock,
): Promise<string | undefined> {
  const lines = entries.map(({ before: _, after: __, sealed: ___, ...entry }) => {
    const refused = (entry.status ?? 0) >= 400
    return `<${authpriv + severity[refused ? 'refused' : 'done']}>${jsonText(entry)}\n`
  })
  const args = [...options, '--tag', 'runner', '--msgid', 'audit', `--id=${process.pid}`]
  return feed({ command: 'logger', args, input: lines.join(''), timeout: loggerTimeout, clock })
}
