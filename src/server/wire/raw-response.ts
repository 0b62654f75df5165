import type { ServerResponse } from 'node:http'
import type { Refusal } from '../rules/refusal.ts'
import { problemMediaType, problemText, statusOf, waitOf } from './problems.ts'

/*
 * Answers on a response that fastify has let go of: calls that wait hold nothing but the response.
 */

export function answerJson(response: ServerResponse, json: unknown): void {
  end(response, 200, 'application/json; charset=utf-8', `${JSON.stringify(json)}\n`)
}

export function answerNothing(response: ServerResponse): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(204, { 'cache-control': 'no-store' }).end()
}

export function answerRefusal(response: ServerResponse, refusal: Refusal, requestId: string): void {
  const wait = waitOf(refusal)
  const more = wait === undefined ? {} : { 'retry-after': wait }
  end(response, statusOf(refusal), problemMediaType, problemText(refusal, requestId), more)
}

function end(
  response: ServerResponse,
  status: number,
  type: string,
  text: string,
  more: Record<string, number> = {},
): void {
  if (response.headersSent || response.destroyed) return
  response
    .writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      ...more,
    })
    .end(text)
}
