import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, Http2ServerRequest, Http2ServerResponse } from 'node:http2'

/** The request of a client that speaks HTTP/2; undefined where it speaks HTTP/1.1. */
export function http2Request(request: IncomingMessage): Http2ServerRequest | undefined {
  const either: unknown = request
  return either instanceof Http2ServerRequest ? either : undefined
}

/**
 * Closes the stream of a request over HTTP/2 behind its answer, though the client still sends (RFC 9113,
 * 8.1). Without this the rest of its body would use up what the whole connection may have under way.
 */
export function closeAfterAnswer(response: ServerResponse): void {
  const either: unknown = response
  if (!(either instanceof Http2ServerResponse)) return
  const { stream } = either
  stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
}
