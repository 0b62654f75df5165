import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import type { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import { persist } from '../../protocol/client/retry.ts'
import type { Execution, ListedExecution } from '../../protocol/messages/executions.ts'
import { sayError } from '../../report/say.ts'
import { defined, ok, type Result } from '../../result.ts'

/** Tries after the first while a server is away: for some 15 minutes. */
const patientRetries = 22

/** Says that a call is made again, for each reason once. */
export function sayOnce(): (failure: ClientFailure) => void {
  const told = new Set<string>()
  return ({ message }) => {
    if (!told.has(message)) sayError(`runner: ${message}; trying again\n`)
    told.add(message)
  }
}

/** Takes a piece of a log; a promise asks to wait. */
export type TakeLogPiece = (bytes: Uint8Array, offset: number) => unknown

export interface Followed {
  /** The state with which the log ended; absent where reading stopped at `until`. */
  state?: string
  /** Offset of the next byte of the log. */
  offset: number
}

/**
 * Follows a log from an offset to its end, or up to `until`, over any number of connections: each begins
 * where the previous one ended, so that no byte is lost or repeated.
 */
export async function followLog(
  client: Client,
  id: string,
  take: TakeLogPiece,
  {
    from = 0,
    until = Number.POSITIVE_INFINITY,
    signal,
  }: { from?: number; until?: number | undefined; signal?: AbortSignal },
): Promise<Result<Followed, ClientFailure>> {
  const followed: Followed = { offset: from }
  if (until <= from) return ok(followed)
  let away: ReturnType<typeof sayOnce> | undefined
  const attempt = async (): Promise<Result<Followed, ClientFailure>> => {
    const before = followed.offset
    const request = {
      params: { id },
      query: { follow: true, offset: followed.offset },
      ...defined({ signal }),
    }
    const stream = await client.events('readLog', request, async ({ event, data, id: next }) => {
      if (away !== undefined) sayError('runner: the server is back\n')
      away = undefined
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
    // A server that stops ends its streams; the next connection resumes at the same offset.
    const message = 'the server ended the log before it was over'
    return { ok: false, failure: { reason: 'connection-lost', message } }
  }
  const onRetry = (failure: ClientFailure) => {
    away ??= sayOnce()
    away(failure)
  }
  return persist(attempt, { retries: patientRetries, clock: systemClock, onRetry, signal })
}

/** Seconds between two looks at whether another attempt has taken the place of the one that is followed. */
const lookEvery = 10

/**
 * Follows a run to its end, each of its attempts in turn, also those that ended before the first look;
 * resolves to the attempt that decided the run.
 */
export async function followRun(
  client: Client,
  group: string,
  take: TakeLogPiece,
  signal: AbortSignal,
): Promise<Result<Execution, ClientFailure>> {
  const again = <T>(call: () => Promise<Result<T, ClientFailure>>) =>
    persist(call, { retries: patientRetries, clock: systemClock, signal })
  /** The attempts in their order, at least one. */
  const attempts = async (): Promise<Result<ListedExecution[], ClientFailure>> => {
    const page = await again(() => client.call('listExecutions', { query: { group, limit: 200 }, signal }))
    if (!page.ok) return page
    // An attempt that was not needed says nothing of its run; one that made room for a newer run ends it.
    const items = page.value.items.filter(
      ({ state, reason }) => state !== 'withdrawn' || reason === 'replaced',
    )
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
    // A list leaves out the outputs of executions, so the last one is read on its own.
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

    /**
     * Stops following a lost attempt when another has replaced it: the log of a lost attempt may never end.
     */
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
  if (state === 'aborted' || state === 'withdrawn') return exitStatus.jobAborted
  if (state === 'lost') return exitStatus.jobLost
  return exit_code !== null && exit_code >= 1 && exit_code <= 255 ? exit_code : exitStatus.jobFailed
}
