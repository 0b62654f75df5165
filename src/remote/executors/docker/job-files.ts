/* Reads the state of a job from the files of its exchange directory. */
import { closeSync, type FSWatcher, watch } from 'node:fs'
import type { ExchangeDir } from '../handover/exchange-dir.ts'
import { type ExitFacts, halfOf, parseExit } from '../handover/order.ts'

/** The end of a job, and the time of its file. */
export interface ExitFile {
  facts: ExitFacts
  at: Date
}

export class JobFiles {
  readonly #exchange: ExchangeDir
  readonly #nonce: string

  constructor(exchange: ExchangeDir, nonce: string) {
    this.#exchange = exchange
    this.#nonce = nonce
  }

  /** When the job started; undefined if it has not. */
  started(): Date | undefined {
    const file = this.#exchange.read('started', 100)
    const half = `${halfOf(this.#nonce)}\n`
    return file.ok && file.value.bytes.toString() === half ? file.value.modified : undefined
  }

  /** The exit of the job; undefined if it has not ended. */
  exit(): ExitFile | undefined {
    const file = this.#exchange.readHead('exit', 200)
    if (!file.ok) return undefined
    const facts = parseExit(file.value.bytes.toString(), this.#nonce)
    return facts === undefined ? undefined : { facts, at: file.value.modified }
  }

  /**
   * Whether the exchange directory still has the order that runner wrote. A job that has run may have removed
   * `started`, and other files with it.
   */
  get untouched(): boolean {
    const order = this.#exchange.openFile('order')
    if (order.ok) closeSync(order.value)
    return order.ok
  }

  /** Watches the exchange directory for changes, if the system can tell of them. */
  listen(onChange: () => void): Disposable {
    let watcher: FSWatcher | undefined
    try {
      // A file that is made is written too, so `change` events are enough.
      watcher = watch(this.#exchange.path, { persistent: false }, event => {
        if (event === 'change') onChange()
      })
      watcher.on('error', () => watcher?.close())
    } catch {
      // Without a watcher, a look every half second is enough.
    }
    return { [Symbol.dispose]: () => watcher?.close() }
  }
}
