import { ok } from '../../result.ts'
import type { Handlers } from '../call.ts'
import { droppedNotice, logPart } from '../log-reader.ts'
import { refuse } from '../refusal.ts'
import type { Store } from '../store/store.ts'

/** Logs, as operators read them. */
export const logHandlers = {
  async readLog({ params, query, token, request, response }, { store, followers }) {
    const id = params.id!
    const { offset = 0, follow = false } = query as { offset?: number; follow?: boolean }
    const execution = await store.read(tx => tx.execution(id))
    if (execution === undefined) return refuse('not-found', 'there is no execution with this id')
    if (!follow)
      return ok({ status: 200, text: textOf(store, id, offset), type: 'text/plain; charset=utf-8' })
    const last = request.headers['last-event-id']
    const from = typeof last === 'string' && /^\d{1,15}$/.test(last) ? Number(last) : offset
    followers.follow(id, token!.id, response, from)
    return ok('taken')
  },
} satisfies Partial<Handlers>

/** A log from an offset to what is its end now, with a notice in place of what was dropped. */
async function* textOf(store: Store, id: string, from: number): AsyncGenerator<Buffer> {
  for (let offset = from; ; ) {
    const part = await store.read(async tx => {
      const log = await tx.log(id)
      return log === undefined ? undefined : await logPart(tx, log, offset)
    })
    if (part === undefined) return
    yield 'bytes' in part ? part.bytes : Buffer.from(droppedNotice(part.dropped))
    offset = part.next
  }
}
