/*
 * The key of the browser session. Cookies ignore ports, so another program on this host may get the cookie;
 * the key is kept where only pages of this very origin can read it.
 */

const place = 'runner-key'
/** The time for which the page waits for another tab's answer, in ms; a later answer is taken, too. */
const patience = 400

/** The messages between tabs of one origin. */
type Message =
  | 'wanted'
  /** The key, for tabs that have none. */
  | { key: string }
  /** A tab has signed in, or out. */
  | { now: string | undefined }

/** The key that calls carry; tabs of one origin give it to each other. */
export class BrowserKey {
  /** Called when another tab has signed in or out. */
  onOther: (isSignedIn: boolean) => void = () => {}
  readonly #channel = new BroadcastChannel('runner-key')
  #found: (() => void) | undefined

  constructor() {
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data === 'wanted') this.#answer()
      else if ('now' in data) {
        this.keep(data.now)
        this.onOther(data.now !== undefined)
      } else if (this.value === undefined) {
        this.keep(data.key)
        if (this.#found === undefined) this.onOther(true)
        else this.#found()
      }
    }
  }

  get value(): string | undefined {
    return sessionStorage.getItem(place) ?? undefined
  }

  /**
   * Takes the key of a session that this tab has opened, or forgets that of one that is over, in all tabs.
   */
  set(key: string | undefined): void {
    this.keep(key)
    this.#say({ now: key })
  }

  /** Takes a key that other tabs have or get by themselves. */
  keep(key: string | undefined): void {
    if (key === undefined) sessionStorage.removeItem(place)
    else sessionStorage.setItem(place, key)
  }

  /** Asks the other tabs, if this one has none. */
  async find(): Promise<void> {
    // Others may have asked while this tab was loading.
    if (this.value !== undefined) return this.#answer()
    this.#say('wanted')
    await new Promise<void>(resolve => {
      this.#found = resolve
      setTimeout(resolve, patience)
    })
    this.#found = undefined
  }

  #answer(): void {
    if (this.value !== undefined) this.#say({ key: this.value })
  }

  #say(message: Message): void {
    this.#channel.postMessage(message)
  }
}
