import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { problemMediaType, problemText, waitOf } from './http-problems.ts'
import { makeListener } from './listener.ts'
import type { TlsOptions } from './tls.ts'
import { connectionLimits, openFileLimit, UnauthenticatedConnections } from './unauthenticated.ts'

export interface EarlyListener extends AsyncDisposable {
  /** As it was given, or as the system has chosen it. */
  port: number
}

/**
 * Listens for a server whose store is not there yet: `/health` answers 503, and so does every other call, as a problem
 * document. Rejects where the address cannot be had.
 */
export async function listenEarly(
  { host, port }: { host: string; port: number },
  tls: TlsOptions | undefined,
  version: string,
): Promise<EarlyListener> {
  const refusal = { reason: 'unavailable', detail: 'the server waits for its database' } as const
  const health = `${JSON.stringify({ status: 'failing', store: 'failing', version })}\n`
  const answer = ({ url }: IncomingMessage, response: ServerResponse) => {
    const asksHealth = url?.split('?')[0] === '/health'
    response
      .writeHead(503, {
        'content-type': asksHealth ? 'application/json; charset=utf-8' : problemMediaType,
        'cache-control': 'no-store',
        'retry-after': String(waitOf(refusal)),
        // The next call is for the server that takes this one's place.
        connection: 'close',
      })
      .end(asksHealth ? health : problemText(refusal, 'none'))
  }
  const connections = new UnauthenticatedConnections(connectionLimits(openFileLimit()), () => {})
  const server = makeListener(tls, answer, connections, () => {})
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const bound = server.address() as AddressInfo
  return {
    port: bound.port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
