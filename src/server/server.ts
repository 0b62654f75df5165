import type { Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../edges.ts'
import { errorText } from '../result.ts'
import { makeApp } from './app.ts'
import { openAudit } from './audit.ts'
import { Authenticator } from './auth.ts'
import { CommandChannels } from './command-channel.ts'
import type { Context } from './context.ts'
import { Followers } from './followers.ts'
import { makeListener } from './listener.ts'
import type { Log } from './log.ts'
import { makeMetrics } from './metrics.ts'
import { OutageLog } from './outage-log.ts'
import { Polls } from './polls.ts'
import { endRevoked } from './revocation.ts'
import { handlers } from './routes/handlers.ts'
import type { Store } from './store/store.ts'
import { Sweeper } from './sweep.ts'
import { runTimers } from './timers.ts'
import type { TlsOptions } from './tls.ts'
import {
  type ConnectionLimits,
  connectionLimits,
  openFileLimit,
  UnauthenticatedConnections,
} from './unauthenticated.ts'
import { serveWaiters, statesOfChannels } from './waiting-runners.ts'
import type { World } from './world.ts'

export interface ServerOptions {
  listen: { host: string; port: number }
  /** Closed by the server when it stops. */
  store: Store
  context: Context
  tls: TlsOptions | undefined
  /** Where the audit log goes. */
  auditFile: string
  version: string
  clock: Clock
  log: Log
  /** Called right before it listens: whoever holds the address until then gives it up. */
  beforeListening: () => Promise<void>
}

/** A server that listens. */
export interface RunningServer extends AsyncDisposable {
  /** `http://127.0.0.1:8080` */
  url: string
  /** What comes from now on gets these certificates; only for a server that has some. */
  renewTls(tls: TlsOptions): void
}

/** Seconds that answers which are under way get when the server stops. */
const grace = 5

/**
 * Starts to listen; rejects where the address cannot be had. Disposing of it hands nothing out any more, answers who
 * waits, leaves running executions alone, and closes the store.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { store, context, log, clock, tls } = options
  const stopping = new AbortController()
  const stop = stopping.signal
  const outages = new OutageLog(log, () => clock.monotonic())
  const failed = (what: string) => (error: unknown) => {
    if (outages.takes(error)) return
    log('error', `${what} failed`, { problem: errorText(error), stack: (error as Error).stack })
  }

  const auth = new Authenticator(store, clock)
  const metrics = makeMetrics(store)
  const polls = new Polls(serveWaiters(store, context, metrics), clock, stop, failed('handing work out'))
  const channels = new CommandChannels(statesOfChannels(store, context), failed('a command channel'))
  const followers = new Followers(store, clock, context.settings.lease_seconds, failed('following a log'))
  metrics.connections('reserve', () => polls.size)
  metrics.connections('command-channel', () => channels.size)
  metrics.connections('follower', () => followers.size)

  const limits = connectionLimits(openFileLimit())
  const unauthenticated = new UnauthenticatedConnections(limits, floodNotice(log, clock, limits))
  metrics.connections('unauthenticated', () => unauthenticated.size)

  const audit = openAudit(options.auditFile, log)
  const connections = { polls, channels, followers }
  const world: World = {
    ...{ store, context, auth, audit, metrics, log, outages, clock, stop, version: options.version },
    ...{ ...connections, unauthenticated },
  }
  store.onTransaction(() => outages.worked())
  const unsubscribe = store.subscribe(topic => {
    for (const waiting of [polls, channels, followers]) waiting.wake(topic)
    if (topic.about === 'tokens') endRevoked(store, connections).catch(failed('ending revoked tokens'))
  })
  const app = await makeApp(world, handlers, handler =>
    makeListener(tls, handler, unauthenticated, code => log('debug', 'a connection was refused', { code })),
  )
  const sweeper = new Sweeper(store, context, () => clock.monotonic())
  try {
    // What has expired is settled before anybody calls.
    await sweeper.sweep()
    await options.beforeListening()
    await app.listen(options.listen)
  } catch (error) {
    unsubscribe()
    stopping.abort()
    await store[Symbol.asyncDispose]()
    throw error
  }
  const timers = runTimers(world, sweeper, failed)
  const bound = app.server.address() as AddressInfo
  let stopped: Promise<void> | undefined
  const stopServer = async () => {
    stopping.abort()
    const closed = new AbortController()
    channels.endAll()
    await followers.endAll()
    clock.sleep(grace, closed.signal).then(() => closed.signal.aborted || app.server.closeAllConnections())
    await app.close()
    closed.abort()
    unsubscribe()
    await Promise.all([timers, polls.settled(), channels.settled()])
    await auth.writeLastUse().catch(failed('writing down the use of tokens'))
    auth.close()
    await audit.close()
    await store[Symbol.asyncDispose]()
  }
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`,
    renewTls: renewed => (app.server as unknown as TlsServer).setSecureContext(renewed),
    [Symbol.asyncDispose]: () => (stopped ??= stopServer()),
  }
}

/** Says, once a minute at most, that connections are closed on which no valid token came. */
function floodNotice(log: Log, clock: Clock, { all, address }: ConnectionLimits): () => void {
  let next = Number.NEGATIVE_INFINITY
  let closed = 0
  return () => {
    closed++
    if (clock.monotonic() < next) return
    next = clock.monotonic() + 60
    log('warning', 'connections without a valid token were closed to make room for others', {
      closed,
      limit: all,
      limit_of_an_address: address,
    })
    closed = 0
  }
}
