import type { Clock } from '../../edges.ts'
import { defined, fail, type Result } from '../../result.ts'
import { type ClientFailure, isPassing } from './client-failure.ts'

export interface RetryOptions {
  /** Tries after the first; Infinity: for ever. */
  retries: number
  /** Whether another try may follow a failure; by default those that may pass by themselves. */
  mayPass?: (failure: ClientFailure) => boolean
  clock: Clock
  signal?: AbortSignal | undefined
  /** Hears of each failure that another try follows. */
  onRetry?: (failure: ClientFailure) => void
}

/** Seconds between two tries: the first wait, and the longest. Chance makes each longer, up to twofold. */
const waits = { first: 0.5, longest: 60 }

/** A failure on its way through p-retry. */
class Passing extends Error {
  readonly failure: ClientFailure
  constructor(failure: ClientFailure) {
    super(failure.message)
    this.failure = failure
  }
}

/**
 * Makes a call again while its failure may pass by itself, and waits for as long as the server asks for. The
 * call must be one that may be made twice.
 */
export async function persist<T>(
  call: () => Promise<Result<T, ClientFailure>>,
  { retries, mayPass = isPassing, clock, signal, onRetry }: RetryOptions,
): Promise<Result<T, ClientFailure>> {
  const { default: pRetry } = await import('p-retry')
  const attempt = async () => {
    const result = await call()
    if (!result.ok && mayPass(result.failure)) throw new Passing(result.failure)
    return result
  }
  try {
    return await pRetry(attempt, {
      retries,
      minTimeout: waits.first * 1000,
      maxTimeout: waits.longest * 1000,
      randomize: true,
      ...defined({ signal }),
      onFailedAttempt: async ({ error, retriesLeft }) => {
        if (!(error instanceof Passing) || retriesLeft === 0) return
        onRetry?.(error.failure)
        await clock.sleep(Math.min(error.failure.retry_after_seconds ?? 0, waits.longest), signal)
      },
    })
  } catch (error) {
    if (error instanceof Passing) return fail(error.failure)
    if (signal?.aborted) return fail({ reason: 'stopped', message: 'the call was ended' })
    throw error
  }
}
