/* The calls of the page to the server's API. */
import type { BrowserKey } from './browser-key.ts'

/** The header that shows that a call comes from a page of this browser session. */
const keyHeader = 'Runner-Page-Key'

/** The time in ms after which a call has failed: a connection may be lost without a word. */
const longestCall = 30_000

/** Why a call has failed. */
export class CallError extends Error {
  /** The status of the answer; 0: there was none. */
  readonly status: number
  /** The type of the problem, if the answer has one. */
  readonly type: string | undefined

  constructor(status: number, message: string, type?: string) {
    super(message)
    this.status = status
    this.type = type
  }
}

export interface CallOptions {
  body?: unknown
  signal?: AbortSignal
  /** The call may take any time. */
  isLong?: boolean
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

  /**
   * Makes a call and resolves to its JSON; `undefined` where the answer has no body. Rejects with a
   * `CallError`.
   */
  json<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    return this.take(method, path, options, async answer =>
      answer.status === 204 ? (undefined as T) : ((await answer.json()) as T),
    )
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.json('GET', path, signal === undefined ? {} : { signal })
  }

  /**
   * Makes a call and, if it succeeded, resolves to what `read` makes of its answer. Rejects with a
   * `CallError`.
   */
  async take<T>(
    method: string,
    path: string,
    options: CallOptions,
    read: (answer: Response) => Promise<T>,
  ): Promise<T> {
    const { body, signal, isLong = false, headers } = options
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
        signal: AbortSignal.any([signal ?? [], isLong ? [] : AbortSignal.timeout(longestCall)].flat()),
        redirect: 'error',
      })
      if (answer.ok) return await read(answer)
    } catch (error) {
      // An abort by the caller keeps its own error.
      throw signal?.aborted ? error : new CallError(0, unanswered(method))
    }
    const error = await errorOf(answer)
    if (answer.status === 401 || error.type === 'urn:runner:problem:wrong-page-key')
      this.onSignedOut(error.message)
    throw error
  }
}

/** The message for an answer that did not come, or not whole: the server may have done the order. */
const unanswered = (method: string): string =>
  method === 'GET'
    ? 'The server cannot be reached. The page reads by itself again what it shows.'
    : 'The server did not answer, so the page does not know whether it was done.'

async function errorOf(answer: Response): Promise<CallError> {
  const plain = `The server answered with status ${answer.status}.`
  try {
    // An answer of a proxy in between has any form.
    const { type, title, detail } = (await answer.json()) as Partial<
      Record<'type' | 'title' | 'detail', string>
    >
    return new CallError(answer.status, detail ?? title ?? plain, type)
  } catch {
    return new CallError(answer.status, plain)
  }
}
