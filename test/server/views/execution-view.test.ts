import t from 'tap'
import { Execution } from '../../../src/protocol/messages/executions.ts'
import { checkOf } from '../../../src/protocol/validation.ts'
import { change, sent, view } from '../../support/sent.ts'
import { onEachStore } from '../../support/server-rig.ts'

const check = checkOf('body', Execution)

onEachStore(t, 'a view is as the protocol says, in every state', async (t, rig) => {
  const id = await sent(rig)
  for (const state of ['queued', 'reserved', 'running', 'aborting', 'lost'] as const) {
    await change(rig, id, { state })
    const seen = await view(rig, id)
    t.match(check(seen), { ok: true })
    t.match(seen, { state, success: null, finished_at: null })
  }
  for (const state of ['succeeded', 'failed', 'aborted', 'withdrawn', 'lost'] as const) {
    await change(rig, id, { state, finished_at: rig.now() })
    t.match(await view(rig, id), { state, success: state === 'succeeded', finished_at: /Z$/ })
  }
})
