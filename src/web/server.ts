/* The calls of the page to the server's API. */
import type { BrowserKey } from './browser-key.ts'

/** The header that shows that a call comes from a page of this browser session. */
const keyHeader = 'Runner-Page-Key'

/** Why a call has failed. */
export class CallError extends Error {
  /** Of the answer; 0: there was none. */
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface CallOptions {
  body?: unknown
  signal?: AbortSignal
  headers?: Record<string, string>
}

/** Calls the server that this page comes from, as the browser session. */
export class Server {
  readonly #key: BrowserKey
  /** Called when the server does not know the session any more. */
  onSignedOut: (why: string) => void = () => {}

  constructor(key: BrowserKey) {
    this.#key = key
  }

  /** Makes a call and resolves to its JSON; `undefined` where the answer has no body. Rejects with a `CallError`. */
  async json<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const answer = await this.raw(method, path, options)
    if (answer.status === 204) return undefined as T
    return (await answer.json()) as T
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.json('GET', path, signal === undefined ? {} : { signal })
  }

  /** Makes a call, and resolves to its answer if the call succeeded. */
  async raw(method: string, path: string, { body, signal, headers }: CallOptions = {}): Promise<Response> {
    const key = this.#key.value
    let answer: Response
    try {
      answer = await fetch(path, {
        method,
        headers: {
          accept: 'application/json',
          ...(key === undefined ? {} : { [keyHeader]: key }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: signal ?? null,
        redirect: 'error',
      })
    } catch (error) {
      if (signal?.aborted) throw error
      throw new CallError(0, 'The server cannot be reached. The page tries again by itself.')
    }
    if (answer.ok) return answer
    const error = await errorOf(answer)
    if (answer.status === 401) this.onSignedOut(error.message)
    throw error
  }
}

async function errorOf(answer: Response): Promise<CallError> {
  const plain = `The server answered with status ${answer.status}.`
  try {
    // An answer of a proxy in between has any form.
    const { title, detail } = (await answer.json()) as { title?: string; detail?: string }
    return new CallError(answer.status, detail ?? title ?? plain)
  } catch {
    return new CallError(answer.status, plain)
  }
}
