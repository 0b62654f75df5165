import { type CallName, specOf } from '../../../protocol/api.ts'
import { type ChangeTopic, changeTopics } from '../../../protocol/messages/events.ts'
import { ok } from '../../../result.ts'
import type { TokenRow } from '../../../store/rows.ts'
import { type Rights, seesChange } from '../../rules/rights.ts'
import type { Handlers } from '../handler.ts'

/** The call that lists the things of each topic: a caller that may make it sees the change. */
const lists: Record<ChangeTopic, CallName> = {
  execution: 'listExecutions',
  job: 'listJobs',
  runner: 'listRunners',
  group: 'listGroups',
  schedule: 'listSchedules',
}

/** Changes, as readers follow them. */
export const eventHandlers = {
  async events({ query, token, credential, rights, request, response }, { changes }) {
    const last = request.headers['last-event-id']
    const after = typeof last === 'string' ? numberIn(last) : query.after
    changes.follow({ token_id: credential, response, ...viewOf(token, rights) }, after)
    return ok('taken')
  },
} satisfies Partial<Handlers>

/** The number of an event; -1, which no event has, in another text. */
function numberIn(text: string): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : -1
  return Number.isSafeInteger(number) ? number : -1
}

function viewOf({ kind }: TokenRow, rights: Rights) {
  const topics = new Set(changeTopics.filter(topic => specOf(lists[topic]).access.includes(kind)))
  return {
    rights: JSON.stringify([[...topics], rights.namespaces ?? null, rights.submitter ?? null]),
    sees: (change: Parameters<typeof seesChange>[2]) => seesChange(rights, topics, change),
  }
}
