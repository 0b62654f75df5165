import type { ServerResponse } from 'node:http'
import type { ChannelEvents, ChannelState } from '../../protocol/messages/channel.ts'
import type { TokenRow } from '../../store/rows.ts'
import type { Topic } from '../../store/topic.ts'
import { beginEvents, commentText, eventText, writeOrDrop } from '../wire/sse.ts'

/**
 * The reason why the channel of a runner ends; `unreadable`: its row, or one that belongs to it, is damaged.
 */
export type ChannelEnd = 'deleted' | 'superseded' | 'unreadable'

/** The present state of runners by their ids, or why their channels end. */
export type StatesOf = (
  runners: readonly { runner_id: string; session: number }[],
) => Promise<ReadonlyMap<string, ChannelState | ChannelEnd>>

/** The state that a runner was last sent, as small as it can be kept. */
interface LastSent {
  settings: string
  enabled: boolean
  role: ChannelState['role']
  abort: readonly string[]
  /** Leases of scripts: the same execution may be handed out anew. */
  scripts: readonly string[]
}

interface Channel {
  runner_id: string
  session: number
  token: Pick<TokenRow, 'id' | 'expires_at' | 'watched_at'>
  response: ServerResponse
  lastSent: LastSent
}

/**
 * The command channels: one for each runner, since a newer one ends the older. A runner is first sent its
 * state, and then the changes, as the difference to the state it was last sent: many changes together are one
 * look at the store.
 */
export class CommandChannels {
  readonly #statesOf: StatesOf
  readonly #onError: (error: unknown) => void
  readonly #channels = new Map<string, Channel>()
  readonly #calls = new Map<ServerResponse, Channel>()
  /** One listener for all calls, so that a channel costs no closure. */
  readonly #onClose: (this: ServerResponse) => void
  #changed = new Set<string>()
  #round: Promise<void> | undefined
  /** Most runners have the same settings. */
  readonly #texts = new Map<string, string>()

  constructor(statesOf: StatesOf, onError: (error: unknown) => void) {
    this.#statesOf = statesOf
    this.#onError = onError
    const forget = (response: ServerResponse) => this.#forgetCall(response)
    this.#onClose = function () {
      forget(this)
    }
  }

  get size(): number {
    return this.#channels.size
  }

  /** Takes a call over, and sends the state first. */
  open(call: Omit<Channel, 'lastSent'>, state: ChannelState): void {
    const { response, runner_id } = call
    if (response.destroyed) return
    this.#channels.get(runner_id)?.response.end()
    const channel: Channel = { ...call, lastSent: this.#lastSentOf(state) }
    this.#channels.set(runner_id, channel)
    this.#calls.set(response, channel)
    response.on('close', this.#onClose)
    beginEvents(response)
    writeOrDrop(response, eventText('state', state))
    // These changes came after the state was read.
    this.wake({ about: 'runner', id: runner_id })
  }

  wake(topic: Topic): void {
    if (topic.about !== 'runner' || !this.#channels.has(topic.id)) return
    this.#changed.add(topic.id)
    this.#round ??= this.#rounds()
  }

  ping(): void {
    this.#writeToAll(eventText('ping', {}))
  }

  /** For proxies that cut a connection on which nothing is said. */
  comment(): void {
    this.#writeToAll(commentText)
  }

  tokens(): Set<string> {
    return new Set([...this.#channels.values()].map(channel => channel.token.id))
  }

  endWhere(revoked: (channel: Pick<Channel, 'token'>) => boolean): void {
    for (const channel of [...this.#channels.values()]) if (revoked(channel)) this.#end(channel)
  }

  endAll(): void {
    this.endWhere(() => true)
  }

  async settled(): Promise<void> {
    await this.#round
  }

  async #rounds(): Promise<void> {
    await Promise.resolve()
    while (this.#changed.size > 0) {
      const channels = [...this.#changed].flatMap(id => this.#channels.get(id) ?? [])
      this.#changed = new Set()
      try {
        const states = await this.#statesOf(channels)
        for (const channel of channels) this.#tell(channel, states.get(channel.runner_id))
      } catch (error) {
        this.#onError(error)
        // The runners connect again, and are sent their state.
        for (const channel of channels) this.#end(channel)
      }
    }
    // Cleared before the round: a change that comes later begins another one.
    this.#round = undefined
  }

  #tell(channel: Channel, state: ChannelState | ChannelEnd | undefined): void {
    if (this.#channels.get(channel.runner_id) !== channel || state === undefined) return
    if (state === 'deleted') this.#say(channel, 'delete', {})
    if (typeof state === 'string') return void this.#end(channel)
    const before = channel.lastSent
    channel.lastSent = this.#lastSentOf(state)
    const { lastSent } = channel
    if (lastSent.settings !== before.settings) this.#say(channel, 'settings', state.settings)
    if (lastSent.enabled !== before.enabled) this.#say(channel, lastSent.enabled ? 'enable' : 'disable', {})
    // A runner that is neither leader nor standby any more gets no event: there is none of that name.
    if (lastSent.role !== before.role)
      if (lastSent.role === null) return void this.#say(channel, 'state', state)
      else this.#say(channel, lastSent.role, {})
    for (const id of lastSent.abort)
      if (!before.abort.includes(id)) this.#say(channel, 'abort', { execution_id: id })
    for (const script of state.scripts)
      if (!before.scripts.includes(script.lease_id)) this.#say(channel, 'execute-script', script)
  }

  #say<E extends keyof ChannelEvents>(channel: Channel, event: E, data: ChannelEvents[E]): void {
    writeOrDrop(channel.response, eventText(event, data))
  }

  #lastSentOf({ settings, role, abort, scripts }: ChannelState): LastSent {
    const text = JSON.stringify(settings)
    const known = this.#texts.get(text)
    if (known === undefined) {
      if (this.#texts.size > 1000) this.#texts.clear()
      this.#texts.set(text, text)
    }
    return {
      settings: known ?? text,
      enabled: settings.enabled,
      role,
      abort: abort.length === 0 ? none : abort,
      scripts: scripts.length === 0 ? none : scripts.map(script => script.lease_id),
    }
  }

  #writeToAll(text: string): void {
    for (const { response } of [...this.#channels.values()]) writeOrDrop(response, text)
  }

  #end(channel: Channel): void {
    this.#forget(channel)
    channel.response.end()
  }

  #forget(channel: Channel): void {
    const { response, runner_id } = channel
    response.off('close', this.#onClose)
    this.#calls.delete(response)
    if (this.#channels.get(runner_id) === channel) this.#channels.delete(runner_id)
  }

  #forgetCall(response: ServerResponse): void {
    const channel = this.#calls.get(response)
    if (channel !== undefined) this.#forget(channel)
  }
}

const none: readonly string[] = []
