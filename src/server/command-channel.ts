import type { ServerResponse } from 'node:http'
import type { ChannelEvents, ChannelState } from '../protocol/messages.ts'
import { beginEvents, commentText, eventText, writeOrDrop } from './event-stream.ts'
import type { Topic } from './store/store.ts'

/** What is so for runners now; undefined for one that was deleted, or whose session is over. */
export type StatesOf = (
  runners: readonly { runner_id: string; session: number }[],
) => Promise<ReadonlyMap<string, ChannelState | 'deleted' | 'superseded'>>

/** What a runner has been told, as small as it can be kept. */
interface Told {
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
  token_id: string
  response: ServerResponse
  told: Told
}

const channelOf = Symbol('channel')
type Held = ServerResponse & { [channelOf]?: { channel: Channel; channels: CommandChannels } }

/**
 * The command channels: one for each runner, since a newer one ends the older. A runner is told first what is so, and
 * then what changes, as the difference to what it was told before: many changes together are one look at the store.
 */
export class CommandChannels {
  readonly #statesOf: StatesOf
  readonly #onError: (error: unknown) => void
  readonly #channels = new Map<string, Channel>()
  #changed = new Set<string>()
  #round: Promise<void> | undefined
  /** Most runners go by the same settings. */
  readonly #texts = new Map<string, string>()

  constructor(statesOf: StatesOf, onError: (error: unknown) => void) {
    this.#statesOf = statesOf
    this.#onError = onError
  }

  get size(): number {
    return this.#channels.size
  }

  /** Takes a call over, and tells what is so. */
  open(call: Omit<Channel, 'told'>, state: ChannelState): void {
    const { response, runner_id } = call
    if (response.destroyed) return
    this.#channels.get(runner_id)?.response.end()
    const channel: Channel = { ...call, told: this.#toldOf(state) }
    this.#channels.set(runner_id, channel)
    ;(response as Held)[channelOf] = { channel, channels: this }
    response.on('close', forget)
    beginEvents(response)
    writeOrDrop(response, eventText('state', state))
    // What has changed since the state was read.
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
    return new Set([...this.#channels.values()].map(channel => channel.token_id))
  }

  endWhere(revoked: (channel: { token_id: string }) => boolean): void {
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
        // They connect again, and are told what is so.
        for (const channel of channels) this.#end(channel)
      }
    }
    // At once: what comes later begins another round.
    this.#round = undefined
  }

  #tell(channel: Channel, state: ChannelState | 'deleted' | 'superseded' | undefined): void {
    if (this.#channels.get(channel.runner_id) !== channel || state === undefined) return
    if (state === 'deleted') this.#say(channel, 'delete', {})
    if (typeof state === 'string') return void this.#end(channel)
    const before = channel.told
    channel.told = this.#toldOf(state)
    const { told } = channel
    if (told.settings !== before.settings) this.#say(channel, 'settings', state.settings)
    if (told.enabled !== before.enabled) this.#say(channel, told.enabled ? 'enable' : 'disable', {})
    // Neither leader nor standby any more: no event has that name.
    if (told.role !== before.role)
      if (told.role === null) return void this.#say(channel, 'state', state)
      else this.#say(channel, told.role, {})
    for (const id of told.abort)
      if (!before.abort.includes(id)) this.#say(channel, 'abort', { execution_id: id })
    for (const script of state.scripts)
      if (!before.scripts.includes(script.lease_id)) this.#say(channel, 'execute-script', script)
  }

  #say<E extends keyof ChannelEvents>(channel: Channel, event: E, data: ChannelEvents[E]): void {
    writeOrDrop(channel.response, eventText(event, data))
  }

  #toldOf({ settings, role, abort, scripts }: ChannelState): Told {
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
    this.forget(channel)
    channel.response.end()
  }

  /** For `forget`. */
  forget(channel: Channel): void {
    channel.response.off('close', forget)
    delete (channel.response as Held)[channelOf]
    if (this.#channels.get(channel.runner_id) === channel) this.#channels.delete(channel.runner_id)
  }
}

const none: readonly string[] = []

/** One function for all, so that a channel costs no closure. */
function forget(this: Held): void {
  const held = this[channelOf]
  held?.channels.forget(held.channel)
}
