import type { Script } from '../../protocol/messages.ts'
import type { Handlers } from '../call.ts'
import { hasEnded } from '../executions.ts'
import { submitScript } from '../scripts.ts'
import { executionView } from '../views.ts'
import type { World } from '../world.ts'
import { json } from './answers.ts'

/** Seconds that a script is waited for, where the call does not say. */
const defaultWait = 50

/** Scripts, pushed to one runner. */
export const scriptHandlers = {
  async script({ body, response, token }, world) {
    const { store, context } = world
    const script = body as Script
    const pushed = await store.write(tx => submitScript(tx, context, script, token?.id))
    if (!pushed.ok) return pushed
    const { id } = pushed.value
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const waited = AbortSignal.any([gone.signal, world.stop])
    await ended(world, id, script.wait_seconds ?? defaultWait, waited)
    const execution = await store.read(async tx => {
      const row = await tx.execution(id)
      return row !== undefined && hasEnded(row) ? await executionView(tx, context, row) : undefined
    })
    return execution === undefined ? json({ id }, 202) : json(execution)
  },
} satisfies Partial<Handlers>

/** Resolves when an execution has ended, after `seconds`, or when `stop` aborts. */
async function ended({ store, clock }: World, id: string, seconds: number, stop: AbortSignal): Promise<void> {
  const over = new AbortController()
  const look = async () => {
    const row = await store.read(tx => tx.execution(id))
    if (row === undefined || hasEnded(row)) over.abort()
  }
  const unsubscribe = store.subscribe(topic => {
    // A look that fails is no end: the time limit is.
    if (topic.about === 'execution' && topic.id === id) look().catch(() => {})
  })
  await look()
  await clock.sleep(seconds, AbortSignal.any([stop, over.signal]))
  unsubscribe()
}
