/* Executions of the tests of the server: sent, changed in the store, and seen. */
import type { Submit } from '../../src/protocol/messages/jobs.ts'
import { rerun } from '../../src/server/operator-side/rerun.ts'
import { runJob } from '../../src/server/operator-side/run-job.ts'
import { submit } from '../../src/server/operator-side/submit.ts'
import { newLog } from '../../src/server/rules/log-row.ts'
import { executionView } from '../../src/server/views/execution-view.ts'
import type { ExecutionRow, LogRow } from '../../src/store/rows.ts'
import { askedBy, everything } from './server-caller.ts'
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

/** Gives an execution a log in place of its runner. */
export async function logged(
  rig: ServerRig,
  id: string,
  bytes: Uint8Array,
  more: Partial<LogRow> = {},
): Promise<void> {
  await rig.write(async tx => {
    tx.putLog({ ...newLog(id), length: bytes.length, ...more })
    await tx.writeLog(id, 0, bytes)
  })
}

/** The value of an answer that is not a refusal. */
export function made<T>(answer: { ok: true; value: T } | { ok: false; failure: unknown }): T {
  if (!answer.ok) throw new Error(JSON.stringify(answer.failure))
  return answer.value
}

/** Asks for a rerun, as somebody who may do everything. */
export const repeat = (rig: ServerRig, id: string, by = askedBy()) =>
  rig.write(tx => rerun(tx, rig.ctx, everything, id, by))

/** Runs a defined job. */
export const run = (rig: ServerRig, name: string, by = askedBy()) =>
  rig.write(tx => runJob(tx, rig.ctx, name, by))
