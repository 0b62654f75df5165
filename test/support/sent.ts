/* Executions of the tests of the server: sent, changed in the store, and seen. */
import type { Submit } from '../../src/protocol/messages/jobs.ts'
import { submit } from '../../src/server/operator-side/submit.ts'
import { executionView } from '../../src/server/views/execution-view.ts'
import type { ExecutionRow } from '../../src/store/rows.ts'
import { askedBy } from './server-caller.ts'
import type { ServerRig } from './server-rig.ts'

/** Sends a job; resolves to the id of its execution. Each is made a millisecond after the one before. */
export async function sent(rig: ServerRig, body: Partial<Submit> = {}): Promise<string> {
  const answer = await rig.write(tx => submit(tx, rig.ctx, { image: 'x', ...body }, askedBy()))
  if (!answer.ok) throw new Error(answer.failure.reason)
  rig.pass(0.001)
  return answer.value.id
}

/** Changes the row of an execution in place of all that could. */
export async function change(rig: ServerRig, id: string, to: Partial<ExecutionRow>): Promise<void> {
  await rig.write(async tx => tx.putExecution({ ...(await tx.execution(id))!, ...to }))
}

/** An execution as operators see it. */
export const view = (rig: ServerRig, id: string) =>
  rig.read(async tx => executionView(tx, rig.ctx, (await tx.execution(id))!))
