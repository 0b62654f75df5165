import type { AddressInfo } from 'node:net'
import { errorText, fail, ok, type Result } from '../result.ts'

/** The facts that the health end points tell. */
export interface HealthFacts {
  state: string
  /** Why it takes no work now; undefined where it does. */
  problem: string | undefined
  metrics(): readonly Metric[]
}

export interface Metric {
  name: string
  type: 'gauge' | 'counter'
  help: string
  samples: readonly { labels?: Record<string, string>; value: number }[]
}

export interface HealthEndpoints extends AsyncDisposable {
  url: string
}

/** Answers `/live` (always), `/ready` (200 where work is taken, else 503 and why) and `/metrics`. */
export async function serveHealth(
  listen: { host: string; port: number },
  facts: () => HealthFacts,
): Promise<Result<HealthEndpoints, string>> {
  const { createServer } = await import('node:http')
  const server = createServer({ keepAliveTimeout: 5000 }, (request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8') =>
      response
        .writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
        .end(body)
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'only GET\n')
    const { state, problem, metrics } = facts()
    switch (request.url?.split('?')[0]) {
      case '/live':
        return answer(200, 'live\n')
      case '/ready': {
        if (state === 'ready' && problem === undefined) return answer(200, 'ready\n')
        // A runner that is ready, but for this, is not.
        const reasons = [state === 'ready' ? undefined : state, problem]
        return answer(503, `${reasons.filter(reason => reason !== undefined).join(': ')}\n`)
      }
      case '/metrics':
        return answer(200, metrics().map(metricText).join(''), 'text/plain; version=0.0.4; charset=utf-8')
      default:
        return answer(404, '/live, /ready and /metrics are here\n')
    }
  })
  // Where a connection cannot be taken in (no descriptors are left, for example), the next may be.
  server.on('error', () => {})
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(listen.port, listen.host, resolve)
    })
  } catch (error) {
    return fail(errorText(error))
  }
  server.unref()
  const { address, port, family } = server.address() as AddressInfo
  return ok({
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  })
}

function metricText({ name, type, help, samples }: Metric): string {
  const lines = samples.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
    return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`
  })
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

const escaped = (text: string) =>
  text.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
