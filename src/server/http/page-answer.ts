/* Answers requests of browsers for the page and its files, which need no token. */
import type { FastifyRequest } from 'fastify'
import type { Files, PageFile } from '../browser/files.ts'
import { answerProblem } from './answer.ts'
import { pageHeaders } from './page-headers.ts'
import type { Reply } from './send.ts'
import type { Services } from './services.ts'

/** Paths of calls: no page has one of them. */
const callPath = /^\/(?:v1(?:\/.*)?|health|metrics|openapi\.json)$/

/**
 * Answers a request that is not a call with a file of the page; false: it is not for the page. Every path
 * without a file is the page itself, which knows what to show there.
 */
export async function answerPage(
  services: Services,
  request: FastifyRequest,
  reply: Reply,
): Promise<boolean> {
  const { page, clock, metrics } = services
  const [path = ''] = request.url.split('?')
  const asks = request.method === 'GET' || request.method === 'HEAD'
  if (page === undefined || !asks || callPath.test(path)) return false
  const began = clock.monotonic()
  const files = await page.files()
  if (!files.ok) {
    if (!isPage(path, request)) return false
    answerProblem(services, request, reply, { reason: 'unavailable', detail: files.failure })
    return true
  }
  const file = fileOf(files.value, path, request)
  if (file === undefined) return false
  const status = sendFile(file, request, reply)
  metrics.request('page', status, clock.monotonic() - began)
  return true
}

function fileOf(files: Files, path: string, request: FastifyRequest): PageFile | undefined {
  return files.get(path) ?? (isPage(path, request) ? files.get('/index.html') : undefined)
}

/**
 * Whether a path is one of the page. A file that is not there is none, and a program that wants JSON asks for
 * no page.
 */
function isPage(path: string, { headers: { accept = '' } }: FastifyRequest): boolean {
  return path === '/' || (!path.startsWith('/assets/') && accept.includes('text/html'))
}

/** Sends a file in the best encoding that the browser takes; gives the status. */
function sendFile(file: PageFile, request: FastifyRequest, reply: Reply): number {
  const { type, immutable, hash, bytes, compressed } = file
  const accepted = encodingsIn(request.headers['accept-encoding'])
  const [encoding, body] = [...compressed].find(([name]) => accepted.has(name)) ?? [undefined, bytes]
  const etag = `"${hash}${encoding === undefined ? '' : `-${encoding}`}"`
  for (const [name, value] of Object.entries(pageHeaders)) reply.header(name, value)
  reply.header('cache-control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache')
  reply.header('etag', etag)
  if (compressed.size > 0) reply.header('vary', 'accept-encoding')
  const same = request.headers['if-none-match']?.split(',').some(tag => tag.trim() === etag) ?? false
  reply.code(same ? 304 : 200)
  if (same) reply.send()
  else {
    reply.header('content-type', type)
    if (encoding !== undefined) reply.header('content-encoding', encoding)
    reply.send(body)
  }
  return same ? 304 : 200
}

/** The encodings that a browser takes, those aside that it names to say that it does not. */
function encodingsIn(header: string | string[] | undefined): Set<string> {
  const parts = [header ?? []].flat().join(',').toLowerCase().split(',')
  return new Set(
    parts.flatMap(part => {
      const [name = '', ...params] = part.split(';').map(word => word.trim())
      return params.some(param => /^q=0(?:\.0*)?$/.test(param)) ? [] : name
    }),
  )
}
