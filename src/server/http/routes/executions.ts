import { hash } from 'node:crypto'
import type { Execution } from '../../../protocol/messages/executions.ts'
import { defined, ok, type Result } from '../../../result.ts'
import { jobKey } from '../../../store/rows.ts'
import type { WriteOptions } from '../../../store/store.ts'
import type { Writer } from '../../../store/writer.ts'
import { abortExecution } from '../../operator-side/abort.ts'
import { busy, busyRows } from '../../operator-side/busy.ts'
import { getExecution } from '../../operator-side/get-execution.ts'
import {
  executionRows,
  fieldsOf,
  idsOf,
  isShort,
  listedExecutions,
  searchedRows,
  statesOf,
} from '../../operator-side/list-executions.ts'
import { rerun } from '../../operator-side/rerun.ts'
import { runJob } from '../../operator-side/run-job.ts'
import { submit } from '../../operator-side/submit.ts'
import type { Context } from '../../rules/context.ts'
import type { Refusal } from '../../rules/refusal.ts'
import { filterOf } from '../../rules/rights.ts'
import type { AskedBy } from '../../state/idempotency.ts'
import { madeChange, stateChange } from '../../views/audit-view.ts'
import { executionView } from '../../views/execution-view.ts'
import type { ChangeStore } from '../audit.ts'
import type { HandlerCall, Handlers } from '../handler.ts'
import { wholeText } from '../json-list.ts'
import { createdOf, jsonOf, listOf } from './answers.ts'
import { pageOf } from './page.ts'

/** Executions, as operators make and see them. */
export const executionHandlers = {
  async runJob(call, { context }) {
    const by = askedBy(call)
    const { name } = call.params
    const hints = { jobs: [jobKey({ namespace: by.namespace, name })], ...hintsFor(by) }
    return createdOf(await making(call.change, context, false, tx => runJob(tx, context, name, by), hints))
  },

  async submit(call, { context }) {
    const by = askedBy(call)
    const { change, body } = call
    return createdOf(await making(change, context, true, tx => submit(tx, context, body, by), hintsFor(by)))
  },

  async rerun(call, { context }) {
    const { change, rights, params } = call
    const by = askedBy(call)
    return createdOf(await making(change, context, false, tx => rerun(tx, context, rights, params.id, by)))
  },

  async abort({ params, rights, change }, { context }) {
    const aborted = await change(async (tx, note) => {
      const before = await tx.execution(params.id)
      const row = await abortExecution(tx, context, rights, params.id)
      if (!row.ok) return row
      note(stateChange(before, row.value))
      return ok(await executionView(tx, context, row.value))
    })
    return jsonOf(aborted)
  },

  async listExecutions({ query, rights }, { store, context, lists }) {
    const states = statesOf(query.state)
    if (!states.ok) return states
    const fields = fieldsOf(query.fields)
    if (!fields.ok) return fields
    const ids = idsOf(query)
    if (!ids.ok) return ids
    const { job_name, group, runner_id, last_attempts: isLast } = query
    const filter = {
      ...defined({ states: states.value, ids: ids.value, job_name, group, runner_id, isLast }),
      ...filterOf(rights),
    }
    const search = defined({ runner_group: query.runner_group, text: query.text })
    const page = pageOf(query)
    const rows = Object.keys(search).length === 0 ? executionRows : searchedRows
    const listNow = async () => {
      const { items, next } = await store.read(tx => rows(tx, filter, page, search))
      return { items: listedExecutions(store, context, items, fields.value), next, fields: fields.value }
    }
    if (query.pretty !== undefined || !isShort(page.limit, fields.value)) return listOf(await listNow())
    const text = await lists.get(JSON.stringify([query, rights]), async () => wholeText(await listNow()))
    return ok({ status: 200, text, type: 'application/json; charset=utf-8' })
  },

  async getExecution({ params, rights }, { store, context }) {
    return jsonOf(await store.read(tx => getExecution(tx, context, rights, params.id)))
  },

  async busy({ rights }, { store, context }) {
    return listOf({ items: busy(store, context, await store.read(tx => busyRows(tx, rights))) })
  },
} satisfies Partial<Handlers>

/** Makes an execution, with its entry in the audit log; that has the definition where the call has. */
const making = (
  change: ChangeStore,
  context: Context,
  withDefinition: boolean,
  make: (tx: Writer) => Promise<Result<Execution, Refusal>>,
  hints?: WriteOptions,
): Promise<Result<Execution, Refusal>> =>
  change(async (tx, note) => {
    const made = await make(tx)
    if (made.ok) note(await madeChange(tx, context, made.value.id, withDefinition))
    return made
  }, hints)

function hintsFor({ token_id, idempotency_key }: AskedBy): WriteOptions {
  return idempotency_key === undefined ? {} : { idempotency: [{ token_id, key: idempotency_key }] }
}

/**
 * The author of a call that makes an execution, and the marks by which a repetition of the call is
 * recognized.
 */
function askedBy({
  token,
  rights,
  body,
  idempotencyKey,
}: HandlerCall<'runJob'> | HandlerCall<'submit'> | HandlerCall<'rerun'>): AskedBy {
  return {
    token_id: token.id,
    namespace: rights.namespace,
    submitter: rights.submitter ?? null,
    ...defined({ idempotency_key: idempotencyKey }),
    body_sha256: idempotencyKey === undefined ? '' : hash('sha256', JSON.stringify(body ?? null)),
  }
}
