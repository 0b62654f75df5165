import type { ServerResponse } from 'node:http'
import type { Clock } from '../../edges.ts'
import type { Store } from '../../store/store.ts'
import type { Topic } from '../../store/topic.ts'
import { droppedNotice, type LogPart, logPart, moreWithin } from '../state/read-log.ts'
import { beginEvents, commentText, eventText, writeOrDrop } from '../wire/sse.ts'

interface Follower {
  execution_id: string
  /** The id of the token, or of the session of a browser. */
  token_id: string
  response: ServerResponse
  /** Ends its wait for more of the log. */
  wake: () => void
}

/**
 * The readers that follow logs, each at its own speed: the part that a reader has not read yet stays in the
 * store.
 */
export class LogFollowers {
  readonly #store: Store
  readonly #clock: Clock
  /** Milliseconds for which a stream waits for the rest of a log after the execution has ended. */
  readonly #timeout: number
  readonly #onError: (error: unknown) => void
  readonly #followers = new Set<Follower>()
  readonly #running = new Set<Promise<void>>()

  constructor(store: Store, clock: Clock, timeoutSeconds: number, onError: (error: unknown) => void) {
    this.#store = store
    this.#clock = clock
    this.#timeout = timeoutSeconds * 1000
    this.#onError = onError
  }

  get size(): number {
    return this.#followers.size
  }

  /** Takes a call over: sends the log from an offset to its end, as it comes. */
  follow(execution_id: string, token_id: string, response: ServerResponse, offset: number): void {
    const follower: Follower = { execution_id, token_id, response, wake: () => {} }
    this.#followers.add(follower)
    response.on('close', () => follower.wake())
    const running = this.#tell(follower, offset)
      .catch(error => {
        this.#onError(error)
        response.destroy()
      })
      .finally(() => {
        this.#followers.delete(follower)
        this.#running.delete(running)
      })
    this.#running.add(running)
  }

  wake(topic: Topic): void {
    if (topic.about !== 'log' && topic.about !== 'execution') return
    for (const follower of this.#followers) if (follower.execution_id === topic.id) follower.wake()
  }

  /** For proxies that cut a connection on which nothing is said. */
  comment(): void {
    for (const { response } of this.#followers) writeOrDrop(response, commentText)
  }

  tokens(): Set<string> {
    return new Set([...this.#followers].map(follower => follower.token_id))
  }

  endWhere(revoked: (follower: { token_id: string }) => boolean): void {
    for (const follower of this.#followers) if (revoked(follower)) follower.response.destroy()
  }

  /** Ends all streams; readers connect again to the next server. */
  async endAll(): Promise<void> {
    for (const { response, wake } of this.#followers) {
      response.end()
      wake()
    }
    await Promise.all(this.#running)
  }

  async #tell(follower: Follower, from: number): Promise<void> {
    const { execution_id, response } = follower
    beginEvents(response)
    let offset = from
    while (!response.writableEnded && !response.destroyed) {
      // Each change of the log from here on ends its wait.
      const woken = new AbortController()
      follower.wake = () => woken.abort()
      const seen = await this.#store.read(async tx => {
        const log = await tx.log(execution_id)
        const part = log === undefined ? undefined : await logPart(tx, log, offset)
        const execution = await tx.execution(execution_id)
        const within = execution === undefined ? 0 : moreWithin(execution, log, tx.now, this.#timeout)
        return { part, within, state: execution?.state }
      })
      if (response.writableEnded || response.destroyed) return
      if (seen.part !== undefined) {
        const room = response.write(logEvent(seen.part))
        offset = seen.part.next
        if (!room) await drained(response)
      } else if (seen.within === 0) {
        response.end(eventText('end', { state: seen.state ?? null }))
        return
      } else await this.#clock.sleep(seen.within / 1000, woken.signal)
    }
  }
}

/** Resolves when the response has room again, or has been closed. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}

/** A part of a log as an event; a notice in the log takes the place of dropped bytes. */
function logEvent(part: LogPart): string {
  const bytes = 'bytes' in part ? part.bytes : Buffer.from(droppedNotice(part.dropped))
  return eventText('log', { offset: part.offset, base64: bytes.toString('base64') }, part.next)
}
