import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import type { Client } from '../../protocol/client.ts'
import type { ClientFailure } from '../../protocol/client-failure.ts'
import type { Execution, ListedExecution } from '../../protocol/messages.ts'
import { persist } from '../../protocol/retry.ts'
import { ok, type Result } from '../../result.ts'
import { sayError } from '../say.ts'

/** Tries after the first while a server is away: for some 15 minutes. */
export const patientRetries = 22

/** Takes a piece of a log; a promise asks to wait. */
export type TakeLog = (bytes: Uint8Array, offset: number) => unknown

export interface Followed {
  /** What the server said of the end; absent where the log was wanted only so far. */
  state?: string
  /** Where the log goes on. */
  offset: number
}

/**
 * Follows a log from an offset to its end, or up to `until`, over any number of connections: each goes on where the
 * one before ended, so that no byte is lost or comes twice.
 */
export async function followLog(
  client: Client,
  id: string,
  take: TakeLog,
  {
    from = 0,
    until = Number.POSITIVE_INFINITY,
    signal,
  }: { from?: number; until?: number; signal?: AbortSignal },
): Promise<Result<Followed, ClientFailure>> {
  const followed: Followed = { offset: from }
  if (until <= from) return ok(followed)
  let away = false
  const attempt = async (): Promise<Result<Followed, ClientFailure>> => {
    const before = followed.offset
    const request = {
      params: { id },
      query: { follow: true, offset: followed.offset },
      ...(signal === undefined ? {} : { signal }),
    }
    const stream = await client.events('readLog', request, async ({ event, data, id: next }) => {
      if (away) sayError('runner: the server is back\n')
      away = false
      if (event === 'end') {
        followed.state = data.state
        return false
      }
      const bytes = Buffer.from(data.base64, 'base64')
      await take(bytes.subarray(Math.max(0, followed.offset - data.offset)), followed.offset)
      const after = Number(next)
      followed.offset = Number.isSafeInteger(after) ? after : data.offset + bytes.length
      return followed.offset < until
    })
    if (!stream.ok && stream.failure.reason !== 'stopped' && followed.offset > before) return attempt()
    if (!stream.ok) return stream
    if (followed.state !== undefined || followed.offset >= until) return ok(followed)
    // A server that stops ends its streams; the next one goes on.
    const message = 'the server ended the log before it was over'
    return { ok: false, failure: { reason: 'connection-lost', message } }
  }
  const onRetry = ({ message }: ClientFailure) => {
    if (!away) sayError(`runner: ${message}; trying again\n`)
    away = true
  }
  return persist(attempt, { retries: patientRetries, clock: systemClock, onRetry, ...(signal && { signal }) })
}

/** Seconds between two looks at whether another attempt has taken the place of the one that is followed. */
const lookEvery = 10

/**
 * Follows a run to its end, each of its attempts in turn, also those that have ended before the first look; resolves to the
 * attempt that decided it.
 */
export async function followRun(
  client: Client,
  group: string,
  take: TakeLog,
  signal: AbortSignal,
): Promise<Result<Execution, ClientFailure>> {
  const again = <T>(call: () => Promise<Result<T, ClientFailure>>) =>
    persist(call, { retries: patientRetries, clock: systemClock, signal })
  /** From the first to the latest; at least one. */
  const attempts = async (): Promise<Result<ListedExecution[], ClientFailure>> => {
    const page = await again(() => client.call('listExecutions', { query: { group, limit: 200 }, signal }))
    if (!page.ok) return page
    const items = page.value.items.filter(({ state }) => state !== 'withdrawn')
    if (items.length > 0) return ok(items.sort((one, other) => one.attempt - other.attempt))
    return {
      ok: false,
      failure: { reason: 'not-found', message: `execution ${group} is not there any more`, status: 404 },
    }
  }
  let shown = 0
  let whole = false
  for (;;) {
    const found = await attempts()
    if (!found.ok) return found
    const latest = found.value.at(-1)!
    // A list leaves out what it may leave at OUTPUT_LOCATION.
    if (whole && latest.attempt <= shown)
      return again(() => client.call('getExecution', { params: { id: latest.id }, signal }))
    const { id, attempt } = found.value.find(({ attempt }) => attempt > shown) ?? latest
    if (attempt > 1) sayError(`runner: attempt ${attempt} (execution ${id})\n`)
    const superseded = new AbortController()
    const over = AbortSignal.any([signal, superseded.signal])
    const watching = watch()
    const followed = await followLog(client, id, take, { signal: over })
    superseded.abort()
    await watching
    if (!followed.ok && followed.failure.reason !== 'stopped') return followed
    if (signal.aborted) return { ok: false, failure: { reason: 'stopped', message: 'the call was ended' } }
    shown = attempt
    whole = followed.ok

    /** The log of a lost attempt may never end: it is left where another one has taken its place. */
    async function watch(): Promise<void> {
      for (;;) {
        await systemClock.sleep(lookEvery, over)
        if (over.aborted) return
        const now = await attempts()
        const isLost = now.ok && now.value.some(one => one.id === id && one.state === 'lost')
        if (isLost && now.value.some(one => one.attempt > attempt && one.state !== 'queued'))
          superseded.abort()
      }
    }
  }
}

/** The exit status of a command that waited for an execution. */
export function statusOfExecution({ state, exit_code }: Execution): number {
  if (state === 'succeeded') return exitStatus.ok
  if (state === 'aborted') return exitStatus.jobAborted
  if (state === 'lost') return exitStatus.jobLost
  return exit_code !== null && exit_code >= 1 && exit_code <= 255 ? exit_code : exitStatus.jobFailed
}
