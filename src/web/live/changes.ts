/* The changes on the server, for one tab. */
import { type Signal, signal } from '@preact/signals'
import { type Change, ChangeStream, type Message, type Topic } from './stream.ts'
import type { Hello } from './worker.ts'

/** The address of the worker's file; set at build. */
declare const workerUrl: string

type Listener = { topics: readonly Topic[]; take: (change: Change | undefined) => void }

/** Tells listeners of changes; undefined: anything may have changed. */
export class Changes {
  /** Since when the connection is lost; undefined: it is not. */
  readonly lostSince: Signal<Date | undefined> = signal<Date | undefined>(undefined)
  readonly #listeners = new Set<Listener>()
  /** Called when the server does not know the browser session any more. */
  onRefused: () => void = () => {}
  #started: ((key: string | undefined) => void) | undefined

  /** Connects, through the one connection that all tabs share. */
  start(key: string | undefined): void {
    this.#started ??= 'SharedWorker' in globalThis ? this.#byWorker() : this.#byTab()
    this.#started(key)
  }

  /** Calls the listener for each change of these topics, until the returned function is called. */
  on(topics: readonly Topic[], take: (change: Change | undefined) => void): () => void {
    const listener = { topics, take }
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #take(message: Message): void {
    if (message.kind === 'connected') this.lostSince.value = undefined
    else if (message.kind === 'lost') this.lostSince.value ??= new Date()
    else if (message.kind === 'refused') this.onRefused()
    else {
      const { change } = message
      for (const { topics, take } of this.#listeners)
        if (change === undefined || topics.includes(change.topic)) take(change)
    }
  }

  #byWorker(): (key: string | undefined) => void {
    const lock = `runner-tab-${crypto.randomUUID()}`
    // It is held until the tab ends.
    const held = new Promise<void>(resolve => {
      void navigator.locks.request(lock, () => {
        resolve()
        return new Promise(() => {})
      })
    })
    const { port } = new SharedWorker(trusted(workerUrl), { name: 'runner', type: 'module' })
    port.onmessage = ({ data }: MessageEvent<Message>) => this.#take(data)
    return key => void held.then(() => port.postMessage({ key, lock } satisfies Hello))
  }

  /** Where the browser has no shared workers, the tab that has the lock reads for all. */
  #byTab(): (key: string | undefined) => void {
    const channel = new BroadcastChannel('runner-changes')
    channel.onmessage = ({ data }: MessageEvent<Message>) => this.#take(data)
    const stream = new ChangeStream(message => {
      this.#take(message)
      channel.postMessage(message)
    })
    let wanted: string | undefined
    let leads = false
    void navigator.locks.request('runner-changes', () => {
      leads = true
      stream.start(wanted)
      return new Promise(() => {})
    })
    return key => {
      wanted = key
      if (leads) stream.start(key)
    }
  }
}

/** Names the one script that may be loaded by its address. */
function trusted(url: string): URL {
  // The types of TypeScript do not have trusted types; a worker takes one as its address.
  const { trustedTypes } = globalThis as { trustedTypes?: Policies }
  const policy = trustedTypes?.createPolicy('runner-worker', { createScriptURL: () => url })
  return policy?.createScriptURL(url) ?? new URL(url, location.origin)
}

interface Policies {
  createPolicy(name: string, rules: object): { createScriptURL(url: string): URL }
}
