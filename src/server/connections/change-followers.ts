import type { ServerResponse } from 'node:http'
import type { Clock } from '../../edges.ts'
import type { Change } from '../../store/change.ts'
import type { Store } from '../../store/store.ts'
import type { Topic } from '../../store/topic.ts'
import { beginEvents, eventText, writeOrDrop } from '../wire/sse.ts'
import { type NumberedChange, PendingChanges } from './pending-changes.ts'
import { backlogAfter, readChanges } from './read-changes.ts'

/** Seconds between two turns at least, and at most, however many events they bring. */
const shortestTurn = 0.2
const longestTurn = 2
/** Events that may be sent in a second, to all readers together: more of them make turns longer. */
const eventsInSecond = 50_000
/** Events of one turn, for each reader: others wait for the next one. */
const mostEvents = 1000
/** Things that may have changed between two turns before readers are told to look at everything anew. */
const mostPending = 5000

/** A reader that is to be told of changes. */
export interface ChangeReader {
  /** The id of the token, or of the session of a browser. */
  token_id: string
  response: ServerResponse
  /** Readers with the same text here may see the same changes. */
  rights: string
  sees(change: Change): boolean
}

interface Follower extends ChangeReader {
  /** It knows of all changes up to this number. */
  knows: number
}

/**
 * The readers that follow changes. All of them share one look at the store: it is read when something has
 * changed, and each turn sends what was read since the last one, of each thing the latest change.
 */
export class ChangeFollowers {
  readonly #store: Pick<Store, 'read'>
  readonly #clock: Clock
  readonly #stop: AbortSignal
  readonly #onError: (error: unknown) => void
  readonly #followers = new Set<Follower>()
  /**
   * Readers that have not been told where they begin, each with the number behind which it wants to go on.
   */
  #fresh: { follower: Follower; after: number | undefined }[] = []
  /** All changes up to this number have been read; undefined: nobody follows. */
  #position: number | undefined
  readonly #pending = new PendingChanges()
  #changed = false
  /** Monotonic seconds before which no turn begins. */
  #nextTurn = 0
  /** Ends a wait for the next turn. */
  #wake = () => {}
  #rounds: Promise<void> | undefined

  constructor(
    store: Pick<Store, 'read'>,
    clock: Clock,
    stop: AbortSignal,
    onError: (error: unknown) => void,
  ) {
    this.#store = store
    this.#clock = clock
    this.#stop = stop
    this.#onError = onError
  }

  get size(): number {
    return this.#followers.size
  }

  /**
   * Takes a call over: sends the changes behind a number, and those that come; without one those that come.
   */
  follow(reader: ChangeReader, after: number | undefined): void {
    const { response } = reader
    if (this.#stop.aborted || response.destroyed) return void response.destroy()
    const follower: Follower = { ...reader, knows: Number.POSITIVE_INFINITY }
    beginEvents(response)
    this.#followers.add(follower)
    this.#fresh.push({ follower, after })
    response.on('close', () => this.#forget(follower))
    this.#wake()
    this.#rounds ??= this.#run()
  }

  wake(topic: Topic): void {
    if (topic.about !== 'changes' || this.#followers.size === 0) return
    this.#changed = true
    this.#rounds ??= this.#run()
  }

  /**
   * For proxies that cut a connection on which nothing is said; with the number up to which the reader knows
   * all.
   */
  comment(): void {
    const first = this.#pending.first
    const number = first === undefined ? this.#position : first - 1
    const text = `:\nid: ${number}\n\n`
    for (const { response, knows } of [...this.#followers])
      if (number !== undefined && knows <= number) writeOrDrop(response, text)
      else writeOrDrop(response, ':\n\n')
  }

  tokens(): Set<string> {
    return new Set([...this.#followers].map(follower => follower.token_id))
  }

  endWhere(revoked: (follower: { token_id: string }) => boolean): void {
    for (const follower of [...this.#followers])
      if (revoked(follower)) {
        this.#forget(follower)
        follower.response.destroy()
      }
  }

  /** Ends all streams; readers connect again to the next server. */
  async endAll(): Promise<void> {
    for (const follower of [...this.#followers]) {
      this.#forget(follower)
      follower.response.end()
    }
    await this.#rounds
  }

  #forget(follower: Follower): void {
    this.#followers.delete(follower)
    if (this.#followers.size > 0) return
    if (this.#rounds === undefined) this.#rest()
    else this.#wake()
  }

  /** Nobody follows: the next reader begins with the number of the latest change then. */
  #rest(): void {
    this.#position = undefined
    this.#pending.clear()
    this.#fresh = []
    this.#changed = false
  }

  async #run(): Promise<void> {
    // All changes in this turn of the event loop make one round.
    await Promise.resolve()
    while (this.#followers.size > 0 && (this.#fresh.length > 0 || this.#changed || this.#pending.size > 0)) {
      const wait = this.#nextTurn - this.#clock.monotonic()
      if (wait > 0 && this.#fresh.length === 0) {
        await this.#sleep(wait)
        continue
      }
      try {
        await this.#look()
      } catch (error) {
        this.#onError(error)
        // The readers connect again.
        this.endWhere(() => true)
      }
      if (wait <= 0) this.#turn()
    }
    if (this.#followers.size === 0) this.#rest()
    this.#rounds = undefined
  }

  async #sleep(seconds: number): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await this.#clock.sleep(seconds, woken.signal)
    this.#wake = () => {}
  }

  /**
   * Reads what has changed since the last look, and what new readers have missed, as it was at one moment.
   */
  async #look(): Promise<void> {
    const fresh = this.#fresh
    this.#fresh = []
    this.#changed = false
    const from = this.#position
    const { newest, isWhole, backlogs } = await this.#store.read(async tx => {
      const position =
        from === undefined ? undefined : await readChanges(tx, from, this.#pending, mostPending)
      const backlogs = new Map<number, PendingChanges | undefined>()
      for (const { after } of fresh)
        if (after !== undefined && !backlogs.has(after))
          backlogs.set(after, await backlogAfter(tx, after, mostEvents))
      const newest = await tx.newestChange()
      return { newest, isWhole: from === undefined || position === newest, backlogs }
    })
    this.#position = newest
    if (!isWhole) this.#resetAll(newest)
    for (const { follower, after } of fresh) this.#begin(follower, after, newest, backlogs)
  }

  /** Too much has changed for the readers to be told of each change. */
  #resetAll(number: number): void {
    this.#pending.clear()
    const text = positionText('reset', number)
    for (const follower of [...this.#followers])
      if (Number.isFinite(follower.knows)) {
        follower.knows = number
        writeOrDrop(follower.response, text)
      }
  }

  /** Tells a new reader where it begins, and what it has missed. */
  #begin(
    follower: Follower,
    after: number | undefined,
    newest: number,
    backlogs: ReadonlyMap<number, PendingChanges | undefined>,
  ): void {
    follower.knows = newest
    if (after === undefined) return void writeOrDrop(follower.response, positionText('ready', newest))
    const backlog = backlogs.get(after)
    if (backlog === undefined) return void writeOrDrop(follower.response, positionText('reset', newest))
    const missed = textFor({ ...follower, knows: after }, backlog.take(mostEvents))
    writeOrDrop(follower.response, positionText('ready', after) + missed)
  }

  /** Sends what was read since the last turn. Readers that may see the same share its text. */
  #turn(): void {
    const changes = this.#pending.take(mostEvents)
    if (changes.length === 0) return
    const first = changes[0]!.number
    const texts = new Map<string, Buffer>()
    for (const follower of [...this.#followers]) {
      const key = follower.knows < first ? follower.rights : `${follower.knows} ${follower.rights}`
      let text = texts.get(key)
      if (text === undefined) {
        text = Buffer.from(textFor(follower, changes))
        texts.set(key, text)
      }
      if (text.length > 0) writeOrDrop(follower.response, text)
    }
    const pause = (changes.length * this.#followers.size) / eventsInSecond
    this.#nextTurn = this.#clock.monotonic() + Math.min(longestTurn, Math.max(shortestTurn, pause))
  }
}

const positionText = (event: 'ready' | 'reset', number: number) => eventText(event, { number }, number)

/** The events for a reader. */
function textFor({ knows, sees }: Follower, changes: readonly NumberedChange[]): string {
  let text = ''
  for (const { number, change } of changes)
    if (number > knows && sees(change)) text += eventText(change.topic, dataOf(change), number)
  return text
}

function dataOf({ topic, id, namespace, state, job_name, log_length }: Change): object {
  if (topic !== 'execution') return { id, namespace }
  return {
    id,
    namespace,
    state,
    job_name: job_name ?? null,
    ...(log_length === undefined ? {} : { log_length }),
  }
}
