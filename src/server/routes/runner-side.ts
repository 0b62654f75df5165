import { readReport, readSent } from '../../protocol/clock-sample.ts'
import type { Heartbeat, Registration, ResultMessage } from '../../protocol/messages.ts'
import { ok, type Result } from '../../result.ts'
import type { Call, Handlers } from '../call.ts'
import { confirm } from '../confirm.ts'
import type { Caller } from '../context.ts'
import { channelState, heartbeat, leave } from '../heartbeat.ts'
import type { HttpRefusal } from '../http-problems.ts'
import { hashStored } from '../log-hash.ts'
import { appendLog } from '../logs.ts'
import { refuse } from '../refusal.ts'
import { register } from '../registration.ts'
import { acceptResult } from '../results.ts'
import { callerOf } from '../session.ts'
import type { WriteOptions, Writer } from '../store/store.ts'
import type { World } from '../world.ts'
import { jsonOf, nothingOf } from './answers.ts'

/** The calls of runners. */
export const runnerHandlers = {
  async register({ body, token }, { store, context }) {
    const by =
      token!.kind === 'runner'
        ? ({ kind: 'runner', runner_id: token!.runner_id!, session: token!.session! } as const)
        : ({ kind: 'registration' } as const)
    const message = body as Registration
    return jsonOf(await store.write(tx => register(tx, context, message, by), { runners: [message.uuid] }))
  },

  async commands(call, world) {
    const opened = await asRunner(
      call,
      world,
      { durable: false, held: ownId(call.token) },
      async (tx, caller) => ok({ caller, state: await channelState(tx, world.context, caller) }),
    )
    if (!opened.ok) return opened
    if (world.stop.aborted) return refuse('unavailable', 'the server stops')
    const { caller, state } = opened.value
    world.channels.open({ ...caller, token_id: call.token!.id, response: call.response }, state)
    return ok('taken')
  },

  async reserve({ id, params, body, session, token, response }, { polls, clock }) {
    const { slots, wait_seconds } = body as { slots: number; wait_seconds: number }
    const until = clock.monotonic() + wait_seconds
    polls.wait({ runner_id: params.id!, token: token!, session, slots, request_id: id, response, until })
    return ok('taken')
  },

  async confirm(call, world) {
    const { lease_id } = call.body as { lease_id: string }
    const id = call.params.id!
    return nothingOf(
      await asRunner(call, world, { executions: [id] }, (tx, caller) =>
        confirm(tx, world.context, caller, id, lease_id),
      ),
    )
  },

  async heartbeat(call, world) {
    const message = call.body as Heartbeat
    const clock_difference_seconds = clockDifference(call, world)
    return jsonOf(
      await asRunner(
        call,
        world,
        { executions: message.executions, held: ownId(call.token), durable: false },
        async (tx, caller) => {
          const link = {
            polling: world.polls.isWaiting(caller),
            clock_difference_seconds,
          }
          return ok(await heartbeat(tx, world.context, caller, message, link))
        },
      ),
    )
  },

  async appendLog(call, world) {
    const { offset, lease } = call.query as { offset: number; lease: string }
    const id = call.params.id!
    const bytes = (call.body as Buffer | undefined) ?? Buffer.alloc(0)
    const chunk = { execution_id: id, lease_id: lease, offset, bytes }
    await hashStored(world.store, world.context, id, offset, call.token!.runner_id)
    const hints = { executions: [id], logs: [id], durable: false }
    return jsonOf(
      await asRunner(call, world, hints, (tx, caller) => appendLog(tx, world.context, caller, chunk)),
    )
  },

  async result(call, world) {
    const id = call.params.id!
    const message = call.body as ResultMessage
    const difference = reportedDifference(call)
    return nothingOf(
      await asRunner(call, world, { executions: [id], logs: [id] }, (tx, caller) =>
        acceptResult(tx, world.context, caller, id, message, difference),
      ),
    )
  },

  async leave(call, world) {
    const message = call.body as { back_within_seconds: number }
    return nothingOf(
      await asRunner(call, world, { held: ownId(call.token) }, async (tx, caller) =>
        ok(await leave(tx, world.context, caller, message)),
      ),
    )
  },
} satisfies Partial<Handlers>

/** The id of the runner that calls, if it is one. */
function ownId(token: Call['token']): string[] {
  return token?.runner_id == null ? [] : [token.runner_id]
}

/** Runs a writer as the runner that calls, once it is known that its session is the one in force. */
function asRunner<T>(
  { token, session, request, params }: Call,
  { store, context }: World,
  options: WriteOptions,
  writer: (tx: Writer, caller: Caller) => Promise<Result<T, HttpRefusal>>,
): Promise<Result<T, HttpRefusal>> {
  const inPath = request.url!.startsWith('/v1/runners/') ? params.id : undefined
  return store.write(
    async tx => {
      const caller = await callerOf(tx, context, token!, session, inPath)
      return caller.ok ? writer(tx, caller.value) : caller
    },
    { ...options, runners: ownId(token) },
  )
}

/**
 * Seconds of the runner's clock less ours, as it reports it; of one that has not found it yet, or is too old to look, by
 * when it says that it sent the call. Null where it does not say.
 */
function clockDifference(call: Call, { clock }: World): number | null {
  const { headers } = call.request
  // The Date header has whole seconds.
  const sent = readSent(headers['runner-time']) ?? Date.parse(headers.date ?? '') + 500
  return reportedDifference(call) ?? (Number.isNaN(sent) ? null : (sent - clock.now().getTime()) / 1000)
}

function reportedDifference({ request }: Call): number | null {
  const reported = readReport(request.headers['runner-clock'])
  return reported === undefined ? null : reported.offset / 1000
}
