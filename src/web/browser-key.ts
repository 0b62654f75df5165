/*
 * The key of the browser session. Cookies ignore ports, so another program on this host may get the cookie; the key is
 * kept where only pages of this very origin can read it.
 */

const place = 'runner-key'
const channelName = 'runner-key'
/** How long another tab may take to answer, in ms. */
const patience = 400

/** The key that calls carry; tabs of one origin give it to each other. */
export class BrowserKey {
  readonly #channel = new BroadcastChannel(channelName)

  constructor() {
    this.#channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (data === 'wanted' && this.value !== undefined) this.#channel.postMessage({ key: this.value })
    }
  }

  get value(): string | undefined {
    return sessionStorage.getItem(place) ?? undefined
  }

  set(key: string | undefined): void {
    if (key === undefined) sessionStorage.removeItem(place)
    else sessionStorage.setItem(place, key)
  }

  /** Asks the other tabs, if this one has none; resolves to whether it has one now. */
  async find(): Promise<boolean> {
    if (this.value !== undefined) return true
    const asking = new BroadcastChannel(channelName)
    const answered = new Promise<void>(resolve => {
      asking.onmessage = ({ data }: MessageEvent<unknown>) => {
        if (typeof data !== 'object' || data === null || !('key' in data) || typeof data.key !== 'string')
          return
        this.set(data.key)
        resolve()
      }
    })
    asking.postMessage('wanted')
    await Promise.race([answered, new Promise(resolve => setTimeout(resolve, patience))])
    asking.close()
    return this.value !== undefined
  }
}
