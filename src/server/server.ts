import { Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../edges.ts'
import { errorText } from '../result.ts'
import type { Store } from '../store/store.ts'
import { openFileLimit } from '../system/proc.ts'
import { PageFiles } from './browser/files.ts'
import { Oidc } from './browser/oidc.ts'
import { type BrowserOptions, BrowserSessions, hashOf, newSecret } from './browser/sessions.ts'
import { ChangeFollowers } from './connections/change-followers.ts'
import { CommandChannels } from './connections/command-channels.ts'
import { LogFollowers } from './connections/log-followers.ts'
import { LongPolls } from './connections/long-polls.ts'
import { endRevoked } from './connections/revoke.ts'
import { serveWaiters, statesOfChannels } from './connections/serve-waiters.ts'
import { makeApp } from './http/app.ts'
import { Audit } from './http/audit.ts'
import { Authenticator } from './http/authenticator.ts'
import { clientAddress } from './http/client-address.ts'
import { makeListener } from './http/listener.ts'
import { OpenApiText } from './http/openapi-text.ts'
import { handlers } from './http/routes/index.ts'
import type { Services } from './http/services.ts'
import { SharedAnswers } from './http/shared-answers.ts'
import { StoreCheck } from './http/store-check.ts'
import type { TlsOptions } from './http/tls.ts'
import {
  type ConnectionLimits,
  connectionLimits,
  UnauthenticatedConnections,
} from './http/unauthenticated.ts'
import type { Log } from './log.ts'
import { makeMetrics } from './metrics.ts'
import { makeDeliver } from './notify/deliver.ts'
import type { Target } from './notify/delivery.ts'
import { Outbox } from './notify/outbox.ts'
import { testTargets } from './notify/test-target.ts'
import { OutageLog } from './outage-log.ts'
import { factsOf } from './rules/audit-facts.ts'
import type { Context } from './rules/context.ts'
import { createBrowserCode } from './state/browser-sessions.ts'
import { runTimers } from './timers.ts'
import { AuditExport, type PassOn } from './upkeep/audit-export.ts'
import { takeHostNotes } from './upkeep/host-notes.ts'
import { Recorder } from './upkeep/recorder.ts'
import { Scheduler, textOfMissed } from './upkeep/scheduler.ts'
import { Sweeper } from './upkeep/sweeper.ts'

export interface ServerOptions {
  listen: { host: string; port: number }
  /** Closed by the server when it stops. */
  store: Store
  context: Context
  /** Where commands on this host leave notes for the audit log (store/host-notes.ts). */
  dataDir: string
  tls: TlsOptions | undefined
  browsers: BrowserOptions
  /** Addresses and networks of proxies that are believed whom they serve. */
  trustedProxies: readonly string[]
  /** The targets of notifications. */
  targets: readonly Target[]
  /** Whether notifications may go to private addresses. */
  notifyPrivate: boolean
  /** Passes the entries of the audit log on; undefined: nobody wants them. */
  passOnAudit: PassOn | undefined
  version: string
  clock: Clock
  log: Log
  /** Called right before it listens: the early listener, which holds the address until then, gives it up. */
  beforeListening: () => Promise<void>
}

/** A server that listens. */
export interface RunningServer extends AsyncDisposable {
  /** `http://127.0.0.1:8080` */
  url: string
  /** Connections from now on get these certificates; only for a server with TLS. */
  renewTls(tls: TlsOptions): void
  /** Makes a code that signs a browser in with the rights of a token; undefined: that token is not valid. */
  pageCode(token: string): Promise<string | undefined>
}

/** Seconds that answers which are under way get when the server stops. */
const grace = 5

/**
 * Starts to listen; rejects where the address cannot be had. Disposing of it stops handing out work, answers
 * waiting calls, leaves running executions alone, and closes the store.
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

  const browsers = new BrowserSessions(store, options.browsers, tls !== undefined)
  const auth = new Authenticator(store, clock, browsers)
  const metrics = makeMetrics(store, options)
  const longPolls = new LongPolls(
    serveWaiters(store, context, metrics),
    clock,
    stop,
    failed('handing work out'),
  )
  const channels = new CommandChannels(statesOfChannels(store, context), failed('a command channel'))
  const followers = new LogFollowers(store, clock, context.settings.lease_seconds, failed('following a log'))
  const changes = new ChangeFollowers(store, clock, stop, failed('following changes'))
  metrics.connections('reserve', () => longPolls.size)
  metrics.connections('command-channel', () => channels.size)
  metrics.connections('follower', () => followers.size)
  metrics.connections('event-reader', () => changes.size)

  const limits = connectionLimits(openFileLimit())
  const unauthenticated = new UnauthenticatedConnections(limits, floodNotice(log, clock, limits))
  metrics.connections('unauthenticated', () => unauthenticated.size)

  const audit = new Audit({ store, keys: context.keys, log, outages })
  const connections = { longPolls, channels, followers, changes }
  const auditExport =
    options.passOnAudit &&
    new AuditExport({
      store,
      clock,
      passOn: options.passOnAudit,
      failed: failed('passing the audit log on'),
      tell: problem =>
        problem === undefined
          ? log('info', 'the audit log is passed on again')
          : log('warning', 'the audit log cannot be passed on; it is tried again', { problem }),
    })
  const deliver = makeDeliver(clock, options.notifyPrivate)
  const targets = new Map(options.targets.map(target => [target.name, target]))
  const outbox = new Outbox({
    store,
    context,
    targets,
    deliver,
    clock,
    log,
    count: metrics.notified,
    failed: failed('sending notifications'),
  })
  const services: Services = {
    store,
    context,
    auth,
    audit,
    addressOf: clientAddress(options.trustedProxies),
    metrics,
    ...connections,
    unauthenticated,
    log,
    outages,
    clock,
    version: options.version,
    lists: new SharedAnswers(),
    storeCheck: new StoreCheck(store, clock),
    openApi: new OpenApiText(),
    oidc: oidcOf(options),
    page: browsers.enabled ? new PageFiles() : undefined,
    testTarget: testTargets({ context, targets, deliver, clock, stop }),
    stop,
  }
  store.onTransaction(() => outages.worked())
  const recorder = new Recorder(store, context)
  const unsubscribe = store.subscribe(topic => {
    for (const waiting of [longPolls, channels, followers, changes]) waiting.wake(topic)
    recorder.hear(topic)
    if (topic.about === 'audit') auditExport?.wake()
    if (topic.about === 'notice') outbox.wake()
    if (topic.about === 'tokens' || topic.about === 'browsers')
      endRevoked(store, browsers, connections).catch(failed('ending revoked tokens'))
  })
  const app = await makeApp(services, handlers, handler =>
    makeListener(tls, handler, unauthenticated, code => log('debug', 'a connection was refused', { code })),
  )
  const scheduler = new Scheduler(store, context, () => clock.monotonic())
  const sweeper = new Sweeper(store, context, () => clock.monotonic())
  const takeNotes = () => takeHostNotes(store, options.dataDir)
  try {
    await takeNotes()
    const missed = await scheduler.begin()
    if (missed !== undefined) log('warning', textOfMissed[missed])
    // Expired executions are settled before the first call comes.
    await sweeper.sweep()
    await options.beforeListening()
    await app.listen(options.listen)
  } catch (error) {
    unsubscribe()
    stopping.abort()
    await store[Symbol.asyncDispose]()
    throw error
  }
  const timers = Promise.all([
    runTimers(services, { sweeper, scheduler, recorder, takeNotes }, failed),
    auditExport?.run(stop),
    outbox.run(stop),
  ])
  let stopped: Promise<void> | undefined
  const stopServer = async () => {
    stopping.abort()
    const closed = new AbortController()
    channels.endAll()
    // A follower that reads nothing ends with its connection, so the grace begins before it is waited for.
    const followed = Promise.all([followers.endAll(), changes.endAll()])
    clock.sleep(grace, closed.signal).then(() => closed.signal.aborted || app.server.closeAllConnections())
    await app.close()
    await followed
    closed.abort()
    unsubscribe()
    await Promise.all([timers, longPolls.settled(), channels.settled()])
    await recorder.record().catch(failed('writing statistics'))
    await auth.writeLastUse().catch(failed('writing down the use of tokens'))
    auth.close()
    await audit.close()
    await auditExport?.passOnAll()
    await store[Symbol.asyncDispose]()
  }
  return {
    url: urlOf(app.server.address(), tls === undefined ? 'http' : 'https'),
    renewTls(renewed) {
      if (app.server instanceof TlsServer) app.server.setSecureContext(renewed)
    },
    pageCode: async text => {
      const code = newSecret()
      return await store.write(async tx => {
        const token = await tx.tokenByHash(hashOf(text))
        if (token === undefined || store.watch.isExpired(token)) return undefined
        await createBrowserCode(tx, context, token, hashOf(code))
        const { id: token_id, name: token_name, kind: token_kind } = token
        tx.audit({ ...factsOf('createBrowserCode', { object: null }), token_id, token_name, token_kind })
        return code
      })
    },
    [Symbol.asyncDispose]: () => (stopped ??= stopServer()),
  }
}

function oidcOf({ browsers, context, clock }: ServerOptions): Oidc | undefined {
  const { page, publicUrl, oidc } = browsers
  return page && publicUrl !== undefined && oidc !== undefined
    ? new Oidc(oidc, publicUrl, context.keys, clock)
    : undefined
}

function urlOf(bound: AddressInfo | string | null, scheme: 'http' | 'https'): string {
  if (bound === null || typeof bound === 'string') throw new Error('the server does not listen on a port')
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address
  return `${scheme}://${host}:${bound.port}`
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
