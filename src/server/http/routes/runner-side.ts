import { readReport, readSent } from '../../../protocol/client/clock-sample.ts'
import { ok, type Result } from '../../../result.ts'
import type { WriteOptions } from '../../../store/store.ts'
import type { Writer } from '../../../store/writer.ts'
import type { Caller } from '../../rules/context.ts'
import { type Refusal, refuse } from '../../rules/refusal.ts'
import { acceptResult } from '../../runner-side/accept-result.ts'
import { appendLog } from '../../runner-side/append-log.ts'
import { channelState } from '../../runner-side/commands.ts'
import { confirm } from '../../runner-side/confirm.ts'
import { heartbeat } from '../../runner-side/heartbeat.ts'
import { leave } from '../../runner-side/leave.ts'
import { type RegistrationCaller, register } from '../../runner-side/register.ts'
import { callerOf } from '../../state/caller.ts'
import { hashStored } from '../../state/log-hash.ts'
import { registrationChange } from '../../views/audit-view.ts'
import type { HandlerCall, Handlers, TokenOf } from '../handler.ts'
import type { Services } from '../services.ts'
import { jsonOf, nothingOf } from './answers.ts'

/** The calls of runners. */
export const runnerHandlers = {
  async register({ body, token, change }, { context }) {
    const by: RegistrationCaller =
      token.kind === 'runner'
        ? { kind: 'runner', runner_id: token.runner_id, session: token.session }
        : { kind: 'registration', token_id: token.id }
    const registered = await change(
      async (tx, note) => {
        const answer = await register(tx, context, body, by)
        if (answer.ok) note(registrationChange(body, answer.value))
        return answer
      },
      { runners: [body.uuid] },
    )
    return jsonOf(registered)
  },

  async commands(call, services) {
    const { token, params, response } = call
    const opened = await asRunner(
      call,
      services,
      { durable: false, held: [token.runner_id], runnerId: params.id },
      async (tx, caller) => ok({ caller, state: await channelState(tx, services.context, caller) }),
    )
    if (!opened.ok) return opened
    if (services.stop.aborted) return refuse('unavailable', 'the server stops')
    const { caller, state } = opened.value
    // A channel keeps only these fields, not all of the row: thousands of channels are open.
    const { id, expires_at, watched_at } = token
    services.channels.open({ ...caller, token: { id, expires_at, watched_at }, response }, state)
    return ok('taken')
  },

  async reserve({ id, params, body, session, token, response }, { longPolls, clock }) {
    const { slots, wait_seconds } = body
    const until = clock.monotonic() + wait_seconds
    longPolls.wait({ runner_id: params.id, token, session, slots, request_id: id, response, until })
    return ok('taken')
  },

  async confirm(call, services) {
    const { id } = call.params
    return nothingOf(
      await asRunner(call, services, { executions: [id] }, (tx, caller) =>
        confirm(tx, services.context, caller, id, call.body.lease_id),
      ),
    )
  },

  async heartbeat(call, services) {
    const { body, params, token } = call
    const clock_difference_seconds = clockDifference(call, services)
    return jsonOf(
      await asRunner(
        call,
        services,
        { executions: body.executions, held: [token.runner_id], durable: false, runnerId: params.id },
        async (tx, caller) => {
          const link = { polling: services.longPolls.isWaiting(caller), clock_difference_seconds }
          return ok(await heartbeat(tx, services.context, caller, body, link))
        },
      ),
    )
  },

  async appendLog(call, { store, context }) {
    const { offset, lease } = call.query
    const { id } = call.params
    const chunk = { execution_id: id, lease_id: lease, offset, bytes: call.body }
    await hashStored(store, context, id, offset, call.token.runner_id)
    const hints = { executions: [id], logs: [id], durable: false }
    return jsonOf(
      await asRunner(call, { store, context }, hints, (tx, caller) => appendLog(tx, context, caller, chunk)),
    )
  },

  async result(call, services) {
    const { id } = call.params
    const difference = reportedDifference(call)
    return nothingOf(
      await asRunner(call, services, { executions: [id], logs: [id] }, (tx, caller) =>
        acceptResult(tx, services.context, caller, id, call.body, difference),
      ),
    )
  },

  async leave(call, services) {
    const { body, params, token } = call
    return nothingOf(
      await asRunner(call, services, { held: [token.runner_id], runnerId: params.id }, async (tx, caller) =>
        ok(await leave(tx, services.context, caller, body)),
      ),
    )
  },
} satisfies Partial<Handlers>

interface RunnerOptions extends WriteOptions {
  /** The runner in the path of the call, which must be the caller. */
  runnerId?: string
}

/** Runs a writer for the calling runner, after a check that its session is the one in force. */
function asRunner<T>(
  { token, session }: { token: TokenOf<'runner'>; session: number },
  { store, context }: Pick<Services, 'store' | 'context'>,
  { runnerId, ...options }: RunnerOptions,
  writer: (tx: Writer, caller: Caller) => Promise<Result<T, Refusal>>,
): Promise<Result<T, Refusal>> {
  return store.write(
    async tx => {
      const caller = await callerOf(tx, context, token, session, runnerId)
      return caller.ok ? writer(tx, caller.value) : caller
    },
    { ...options, runners: [token.runner_id] },
  )
}

/**
 * Seconds of the runner's clock less this server's, as the runner reports it. A runner that has not found the
 * difference yet, or is too old to look for it, is judged by the time at which it sent the call. Null where
 * the call has no time.
 */
function clockDifference({ request }: HandlerCall<'heartbeat'>, { clock }: Services): number | null {
  const { headers } = request
  // The Date header has whole seconds.
  const sent = readSent(headers['runner-time']) ?? Date.parse(headers.date ?? '') + 500
  return (
    reportedDifference({ request }) ?? (Number.isNaN(sent) ? null : (sent - clock.now().getTime()) / 1000)
  )
}

function reportedDifference({ request }: Pick<HandlerCall<'result'>, 'request'>): number | null {
  const reported = readReport(request.headers['runner-clock'])
  return reported === undefined ? null : reported.offset / 1000
}
