import type { ServerEvent } from '../protocol/client.ts'
import { ok, type Result } from '../result.ts'
import { waitAfter } from './backoff.ts'
import { pause } from './bell.ts'
import type { Room } from './room.ts'
import type { ApiFailure } from './server-api.ts'
import type { Session, Word } from './session.ts'
import type { Work } from './work.ts'

export interface CommandsOptions {
  room: Room
  session: Session
  work: Work
  /** The channel has just been opened. */
  onOpen(): void
}

/** Pings that may be missing before the channel is taken for dead. */
const missedPings = 3
/** Seconds for its first word, at the least. */
const openPatience = 10

/**
 * Holds the command channel open. Each time it opens the server says all that is so; then what changes. It is never
 * the only way to hear of anything: heartbeats say the same.
 */
export async function commandsLoop({ room, session, work, onOpen }: CommandsOptions): Promise<void> {
  const { edges, over, emit } = room
  let lostAt: number | undefined
  for (let failures = 0; !over.aborted; ) {
    let opened = false
    const ended = await listen(room, event => {
      if (!opened) {
        opened = true
        failures = 0
        if (lostAt !== undefined)
          emit({ event: 'connection:back', seconds: Math.round(edges.clock.monotonic() - lostAt) })
        lostAt = undefined
      }
      session.channelLostAt = undefined
      obey(event, room, session, work)
      if (event.event === 'state') onOpen()
    })
    if (over.aborted) return
    const because = ended.ok ? 'the server ended the command channel' : ended.failure.message
    const reason = ended.ok ? 'ended' : ended.failure.reason
    if (lostAt === undefined) {
      lostAt = edges.clock.monotonic()
      emit({ event: 'connection:lost', reason, message: because })
    }
    if (session.channelLostAt === undefined) {
      session.channelLostAt = edges.clock.monotonic()
      session.take({ step: 'channel-lost' }, because)
    }
    if (
      !ended.ok &&
      !['again', 'stopped'].includes(ended.failure.meaning) &&
      (await room.mend(ended.failure))
    )
      continue
    await pause(edges.clock, waitAfter(++failures, edges.chance.random()), room.back, over)
  }
}

/** Follows the channel until it ends, or nothing has been heard for three pings. */
async function listen(
  room: Room,
  take: (event: ServerEvent<'commands'>) => void,
): Promise<Result<void, ApiFailure>> {
  const { api, edges, over, settings } = room
  const ended = new AbortController()
  let heard = edges.clock.monotonic()
  let opened = false
  const watch = async () => {
    for (;;) {
      const pings = missedPings * (settings()?.ping_interval_seconds ?? 10)
      const patience = opened ? Math.max(pings, 1) : Math.max(pings, openPatience)
      const left = heard + patience - edges.clock.monotonic()
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

/** Does what an event says. Of `state`, what did not fit is missing, and what was so before goes on. */
function obey({ event, data }: ServerEvent<'commands'>, room: Room, session: Session, work: Work): void {
  const tell = (change: Partial<Word>) => {
    if (session.word !== undefined)
      session.take({ step: 'word', word: { ...session.word, ...change } }, 'the server says so')
  }
  switch (event) {
    case 'state': {
      const { settings = room.settings(), role = session.word?.role ?? null, abort = [], scripts = [] } = data
      if (settings !== undefined) session.take({ step: 'word', word: { settings, role } })
      work.abort(abort)
      for (const script of scripts) work.accept(script)
      break
    }
    case 'settings':
      tell({ settings: data })
      break
    case 'enable':
    case 'disable':
      if (session.word !== undefined)
        tell({ settings: { ...session.word.settings, enabled: event === 'enable' } })
      break
    case 'leader':
    case 'standby':
      tell({ role: event })
      break
    case 'abort':
      work.abort([data.execution_id])
      break
    case 'execute-script':
      work.accept(data)
      break
    case 'delete':
      session.take({ step: 'delete' }, 'an operator has deleted this runner')
  }
}
