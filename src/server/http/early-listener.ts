import type { IncomingMessage, ServerResponse } from 'node:http'
import { openFileLimit } from '../../system/proc.ts'
import { problemMediaType, problemText, waitOf } from '../wire/problems.ts'
import { makeListener } from './listener.ts'
import type { TlsOptions } from './tls.ts'
import { connectionLimits, UnauthenticatedConnections } from './unauthenticated.ts'

export interface EarlyListener extends AsyncDisposable {
  /** The port that was asked for, or, for 0, the one that the system has chosen. */
  port: number
}

/**
 * Listens for a server whose store is not there yet: `/health` answers 503, and so does every other call, as
 * a problem document. Rejects where the address cannot be had.
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
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
