import { hash } from 'node:crypto'
import type { Submit } from '../../protocol/messages.ts'
import { type ExecutionState, executionStates } from '../../protocol/states.ts'
import { fail, ok, type Result } from '../../result.ts'
import { abortExecution } from '../abort.ts'
import type { Call, Handlers } from '../call.ts'
import type { HttpRefusal } from '../http-problems.ts'
import { listed, readable, unreadable } from '../pages.ts'
import { refuse } from '../refusal.ts'
import type { WriteOptions } from '../store/store.ts'
import { type AskedBy, rerun, runJob, submit } from '../submit.ts'
import { busy, busyRows, executionFields, executionView, listedExecutions } from '../views.ts'
import { json, jsonOf } from './answers.ts'
import { pageOf } from './page.ts'

/** Executions, as operators make and see them. */
export const executionHandlers = {
  async runJob(call, { store, context }) {
    const by = askedBy(call)
    if (!by.ok) return by
    const name = call.params.name!
    const hints = { jobs: [name], ...hintsFor(by.value) }
    return jsonOf(await store.write(tx => runJob(tx, context, name, by.value), hints), 201)
  },

  async submit(call, { store, context }) {
    const by = askedBy(call)
    if (!by.ok) return by
    const body = call.body as Submit
    return jsonOf(await store.write(tx => submit(tx, context, body, by.value), hintsFor(by.value)), 201)
  },

  async rerun(call, { store, context }) {
    const by = askedBy(call)
    if (!by.ok) return by
    return jsonOf(await store.write(tx => rerun(tx, context, call.params.id!, by.value)), 201)
  },

  async abort({ params }, { store, context }) {
    const aborted = await store.write(async tx => {
      const row = await abortExecution(tx, context, params.id!)
      return row.ok ? ok(await executionView(tx, context, row.value)) : row
    })
    return jsonOf(aborted)
  },

  async listExecutions({ query }, { store, context }) {
    const { state, job_name, group, runner_id } = query as Record<string, string | undefined>
    const states = statesOf(state)
    if (!states.ok) return states
    const filter = {
      ...(states.value === undefined ? {} : { states: states.value }),
      ...(job_name === undefined ? {} : { job_name }),
      ...(group === undefined ? {} : { group }),
      ...(runner_id === undefined ? {} : { runner_id }),
    }
    const fields = fieldsOf(query.fields as string | undefined)
    if (!fields.ok) return fields
    const { items, next } = await store.read(tx =>
      listed(
        pageOf(query),
        page => tx.listExecutions(filter, page, unreadable),
        row => row.id,
      ),
    )
    return ok({ status: 200, list: { items: listedExecutions(store, context, items, fields.value), next } })
  },

  async getExecution({ params }, { store, context }) {
    const id = params.id!
    const found = await store.read(async tx => {
      const row = await readable(tx.execution(id), id)
      return row === undefined ? undefined : await executionView(tx, context, row)
    })
    return found === undefined ? refuse('not-found', 'there is no execution with this id') : json(found)
  },

  async busy(_, { store, context }) {
    const rows = await store.read(busyRows)
    return ok({ status: 200, list: { items: busy(store, context, rows) } })
  },
} satisfies Partial<Handlers>

function hintsFor({ token_id, idempotency_key }: AskedBy): WriteOptions {
  return idempotency_key === undefined ? {} : { idempotency: [{ token_id, key: idempotency_key }] }
}

/** Who asks for an execution, and how the same question is known when it comes again. */
function askedBy({ token, body, request }: Call): Result<AskedBy, HttpRefusal> {
  const key = request.headers['idempotency-key']
  if (key !== undefined && (typeof key !== 'string' || !/^[\x20-\x7e]{1,255}$/.test(key)))
    return refuse('malformed', 'an Idempotency-Key has 1 to 255 printable characters')
  return ok({
    token_id: token!.id,
    ...(key === undefined ? {} : { idempotency_key: key }),
    body_sha256: hash('sha256', JSON.stringify(body ?? null)),
  })
}

function statesOf(text: string | undefined): Result<ExecutionState[] | undefined, HttpRefusal> {
  if (text === undefined) return ok(undefined)
  const states = text.split(',') as ExecutionState[]
  const wrong = states.find(state => !executionStates.includes(state))
  if (wrong === undefined) return ok(states)
  return fail({
    reason: 'malformed',
    detail: `state ${JSON.stringify(wrong)} is none of ${executionStates.join(', ')}`,
  })
}

/** The fields that a list is to have; undefined: those that it has without being asked. */
function fieldsOf(text: string | undefined): Result<ReadonlySet<string> | undefined, HttpRefusal> {
  if (text === undefined) return ok(undefined)
  const fields = new Set(text.split(','))
  const wrong = [...fields].find(name => !executionFields.includes(name))
  if (wrong === undefined) return ok(fields)
  return refuse(
    'malformed',
    `fields has ${JSON.stringify(wrong)}; an execution has ${executionFields.join(', ')}`,
  )
}
