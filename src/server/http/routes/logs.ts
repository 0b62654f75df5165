import { ok } from '../../../result.ts'
import { readLogTimes } from '../../operator-side/read-log-times.ts'
import { refuse } from '../../rules/refusal.ts'
import { logRange, logText } from '../../state/read-log.ts'
import { seenExecution } from '../../state/seen-execution.ts'
import type { Handlers } from '../handler.ts'
import { jsonOf } from './answers.ts'
import { pageOf } from './page.ts'

/** Logs, as operators read them. */
export const logHandlers = {
  async readLog({ params, query, credential, rights, request, response }, { store, followers }) {
    const { id } = params
    const { offset = 0, length, follow = false } = query
    const execution = await store.read(tx => seenExecution(tx, rights, id))
    if (!execution.ok) return execution
    if (length !== undefined) {
      if (follow) return refuse('malformed', 'length is not for a log that is followed')
      const { offset: from, bytes, length: whole, head } = await logRange(store, id, offset, length)
      return ok({
        status: 200,
        text: bytes,
        type: 'text/plain; charset=utf-8',
        headers: {
          'runner-log-offset': `${from}`,
          'runner-log-length': `${whole}`,
          ...(head === null ? {} : { 'runner-log-head': `${head}` }),
        },
      })
    }
    if (!follow)
      return ok({ status: 200, text: logText(store, id, offset), type: 'text/plain; charset=utf-8' })
    const last = request.headers['last-event-id']
    const from = typeof last === 'string' && /^\d{1,15}$/.test(last) ? Number(last) : offset
    followers.follow(id, credential, response, from)
    return ok('taken')
  },

  async logTimes({ params, query, rights }, { store }) {
    return jsonOf(await store.read(tx => readLogTimes(tx, rights, params.id, pageOf(query))))
  },
} satisfies Partial<Handlers>
