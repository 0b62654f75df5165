import fc from 'fast-check'
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import { makeMask, maskBytes } from '../../../src/protocol/mask/mask.ts'
import { LogFollower } from '../../../src/remote/job/log-follower.ts'
import { LogSender } from '../../../src/remote/job/log-sender.ts'
import type { ApiFailure } from '../../../src/remote/link/failure-meaning.ts'
import { fail, ok, type Result } from '../../../src/result.ts'
import { Notifier } from '../../../src/system/wait.ts'
import { GrowingLog } from '../../support/growing-log.ts'

/** The reactions of a server to a call. */
type Whim = 'takes' | 'fails' | 'takes-and-fails' | 'forgets'

const failure = (reason: ApiFailure['reason'], meaning: ApiFailure['meaning'], length?: number) =>
  fail<ApiFailure>({
    reason,
    meaning,
    message: reason,
    session: 1,
    ...(length === undefined ? {} : { length }),
  })

/** A server that has whims, and does not wait. */
class Server {
  log = Buffer.alloc(0)
  readonly #whims: Whim[]

  constructor(whims: readonly Whim[]) {
    this.#whims = [...whims]
  }

  async append(offset: number, bytes: Uint8Array): Promise<Result<number, ApiFailure>> {
    const whim = this.#whims.shift() ?? 'takes'
    if (whim === 'fails') return failure('connection-lost', 'again')
    // Killed before the log was on disk.
    if (whim === 'forgets') this.log = this.log.subarray(0, Math.floor(this.log.length / 2))
    if (offset !== this.log.length) return failure('wrong-offset', 'offset', this.log.length)
    this.log = Buffer.concat([this.log, bytes])
    return whim === 'takes-and-fails' ? failure('timed-out', 'again') : ok(this.log.length)
  }
}

/** Waits take no time here. */
const clock = { ...systemClock, sleep: () => new Promise<void>(resolve => setImmediate(resolve)) }

t.test('a log arrives whole and masked, whatever becomes of calls and of what the server had', async () => {
  const secret = 'correct horse'
  const mask = makeMask([secret])
  const piece = fc.oneof(fc.constantFrom(secret, 'correct ', 'horse', '\n'), fc.string({ maxLength: 30 }))
  const whim = fc.constantFrom<Whim>('takes', 'fails', 'takes-and-fails', 'forgets')
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 40 }),
      fc.array(whim, { maxLength: 20 }),
      fc.boolean(),
      async (pieces, whims, resumed) => {
        const log = new GrowingLog()
        const server = new Server(whims)
        const over = new AbortController()
        const refused: string[] = []
        const sender = new LogSender({
          mask,
          files: () => log,
          append: (offset, bytes) => server.append(offset, bytes),
          recoverSession: async () => true,
          resumed,
          clock,
          random: Math.random,
          back: new Notifier(),
          over: over.signal,
          onRefused: message => refused.push(message),
        })
        const follower = new LogFollower(mask, (bytes, offset) => sender.take(bytes, offset))
        const followed = follower.follow(log, over.signal)
        for (const text of pieces) await log.write(text)
        log.end()
        await followed
        const { log_length } = await follower.end(log, over.signal)
        sender.finish(log_length)
        if (log_length > 0) await sender.done
        over.abort()
        const wanted = Buffer.from(maskBytes(Buffer.from(pieces.join('')), mask))
        return refused.length === 0 && (log_length === 0 || (server.log.equals(wanted) && sender.isComplete))
      },
    ),
    { numRuns: 200 },
  )
})

t.test('what is refused is said once, with how much of it', async t => {
  const refused: [string, number][] = []
  const over = new AbortController()
  let calls = 0
  const sender = new LogSender({
    mask: makeMask([]),
    files: () => undefined,
    append: async () => {
      calls++
      return failure('superseded', 'not-held')
    },
    recoverSession: async () => true,
    resumed: false,
    clock,
    random: Math.random,
    back: new Notifier(),
    over: over.signal,
    onRefused: (message, bytes) => refused.push([message, bytes]),
  })
  for (let at = 0; at < 1000; at += 10) await sender.take(Buffer.alloc(10), at)
  await sender.done
  await sender.take(Buffer.alloc(10), 1000)
  t.same(refused, [['superseded', 1000]])
  t.equal(calls, 1)
})
