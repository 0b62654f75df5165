import { ok } from '../../../result.ts'
import { submitScript } from '../../operator-side/script.ts'
import { refuse } from '../../rules/refusal.ts'
import { hasEnded } from '../../rules/transitions.ts'
import { madeChange } from '../../views/audit-view.ts'
import { executionView } from '../../views/execution-view.ts'
import type { Handlers } from '../handler.ts'
import type { Services } from '../services.ts'

/** Seconds for which the server waits for a script, where the call does not say. */
const defaultWait = 50

/** Scripts, pushed to one runner. */
export const scriptHandlers = {
  async script({ body, response, token, credential, rights, change }, services) {
    const { store, context, auth } = services
    const by = { namespace: rights.namespace, token_id: token.id }
    const pushed = await change(async (tx, note) => {
      const made = await submitScript(tx, context, body, by)
      if (made.ok) note(await madeChange(tx, context, made.value.id, true))
      return made
    })
    if (!pushed.ok) return pushed
    const { id } = pushed.value
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const waited = AbortSignal.any([gone.signal, services.stop])
    await ended(services, id, credential, body.wait_seconds ?? defaultWait, waited)
    const { holds, execution } = await store.read(async tx => {
      const row = await tx.execution(id)
      const execution = row !== undefined && hasEnded(row) ? await executionView(tx, context, row) : undefined
      return { holds: await auth.isValid(tx, credential), execution }
    })
    if (!holds) return refuse('bad-token', 'this token has been revoked, or has expired')
    return ok(execution === undefined ? { status: 202, json: { id } } : { status: 200, json: execution })
  },
} satisfies Partial<Handlers>

/**
 * Resolves when an execution has ended, when the token of the call has been revoked, after `seconds`, or when
 * `stop` aborts.
 */
async function ended(
  services: Services,
  id: string,
  credential: string,
  seconds: number,
  stop: AbortSignal,
): Promise<void> {
  const { store, clock, auth } = services
  const over = new AbortController()
  const look = async () => {
    const [row, holds] = await store.read(tx => Promise.all([tx.execution(id), auth.isValid(tx, credential)]))
    if (row === undefined || hasEnded(row) || !holds) over.abort()
  }
  const unsubscribe = store.subscribe(topic => {
    // A look that fails does not end the wait: the time limit does.
    const { about } = topic
    const concerned =
      about === 'tokens' || about === 'browsers' || (topic.about === 'execution' && topic.id === id)
    if (concerned) look().catch(() => {})
  })
  await look()
  await clock.sleep(seconds, AbortSignal.any([stop, over.signal]))
  unsubscribe()
}
