import type { ServerEvent } from '../../protocol/client/client-types.ts'
import { ok, type Result } from '../../result.ts'
import { waitAfter } from '../../system/backoff.ts'
import { pause } from '../../system/wait.ts'
import type { RunnerContext } from '../context.ts'
import type { Assignments } from '../job/assignments.ts'
import type { ApiFailure } from '../link/failure-meaning.ts'
import type { Directive, Lifecycle } from '../link/lifecycle.ts'

export interface CommandsOptions {
  context: RunnerContext
  lifecycle: Lifecycle
  assignments: Assignments
  /** The channel has just been opened. */
  onOpen(): void
}

/** Pings that may be missing before the channel is taken for dead. */
const missedPings = 3
/** The least seconds until the first event of the channel. */
const openTimeout = 10

/**
 * Holds the command channel open. Each time it opens, the server first sends the whole state, then the
 * changes. The channel is never the only way to a fact: heartbeats carry the same.
 */
export async function commandsLoop({
  context,
  lifecycle,
  assignments,
  onOpen,
}: CommandsOptions): Promise<void> {
  const { edges, over, emit } = context
  let lostAt: number | undefined
  for (let failures = 0; !over.aborted; ) {
    let opened = false
    const session = context.api.signed?.session
    const ended = await listen(context, event => {
      if (!opened) {
        opened = true
        failures = 0
        if (lostAt !== undefined)
          emit({ event: 'connection:back', seconds: Math.round(edges.clock.monotonic() - lostAt) })
        lostAt = undefined
      }
      lifecycle.channelOpened()
      obey(event, context, lifecycle, assignments)
      if (event.event === 'state') onOpen()
    })
    if (over.aborted) return
    // The runner has registered anew meanwhile: the server ends the channel of the session before.
    if (context.api.signed?.session !== session) continue
    const because = ended.ok ? 'the server ended the command channel' : ended.failure.message
    const reason = ended.ok ? 'ended' : ended.failure.reason
    if (lostAt === undefined) {
      lostAt = edges.clock.monotonic()
      emit({ event: 'connection:lost', reason, message: because })
    }
    lifecycle.channelLost(edges.clock.monotonic(), because)
    if (
      !ended.ok &&
      !['again', 'stopped'].includes(ended.failure.meaning) &&
      (await context.recoverSession(ended.failure))
    )
      continue
    await pause(edges.clock, waitAfter(++failures, edges.chance.random()), context.back, over)
  }
}

/** Follows the channel until it ends, or nothing has been heard for three pings. */
async function listen(
  context: RunnerContext,
  take: (event: ServerEvent<'commands'>) => void,
): Promise<Result<void, ApiFailure>> {
  const { api, edges, over, settings } = context
  const ended = new AbortController()
  let heard = edges.clock.monotonic()
  let opened = false
  const watch = async () => {
    for (;;) {
      const pings = missedPings * (settings()?.ping_interval_seconds ?? 10)
      const timeout = opened ? Math.max(pings, 1) : Math.max(pings, openTimeout)
      const left = heard + timeout - edges.clock.monotonic()
      if (left <= 0) return ended.abort()
      await edges.clock.sleep(left, ended.signal)
      if (ended.signal.aborted) return
    }
  }
  const watching = watch()
  const done = await api.commands(AbortSignal.any([over, ended.signal]), event => {
    heard = edges.clock.monotonic()
    opened = true
    take(event)
  })
  const silent = ended.signal.aborted
  ended.abort()
  await watching
  if (!silent) return done
  const message = `nothing came over the command channel for ${missedPings} pings`
  return done.ok
    ? ok(undefined)
    : { ok: false, failure: { ...done.failure, reason: 'timed-out', meaning: 'again', message } }
}

/**
 * Carries out an event. Of `state`, the fields that did not fit are missing; their earlier values stay in
 * force.
 */
function obey(
  { event, data }: ServerEvent<'commands'>,
  context: RunnerContext,
  lifecycle: Lifecycle,
  assignments: Assignments,
): void {
  const tell = (change: Partial<Directive>) => {
    if (lifecycle.directive !== undefined)
      lifecycle.take(
        { step: 'directive', directive: { ...lifecycle.directive, ...change } },
        'the server says so',
      )
  }
  switch (event) {
    case 'state': {
      const {
        settings = context.settings(),
        role = lifecycle.directive?.role ?? null,
        abort = [],
        scripts = [],
      } = data
      if (settings !== undefined) lifecycle.take({ step: 'directive', directive: { settings, role } })
      assignments.abort(abort)
      for (const script of scripts) assignments.accept(script)
      break
    }
    case 'settings':
      tell({ settings: data })
      break
    case 'enable':
    case 'disable':
      if (lifecycle.directive !== undefined)
        tell({ settings: { ...lifecycle.directive.settings, enabled: event === 'enable' } })
      break
    case 'leader':
    case 'standby':
      tell({ role: event })
      break
    case 'abort':
      assignments.abort([data.execution_id])
      break
    case 'execute-script':
      assignments.accept(data)
      break
    case 'delete':
      lifecycle.take(
        { step: 'delete' },
        'an operator has deleted this runner (`runner node undelete` allows it again)',
      )
  }
}
