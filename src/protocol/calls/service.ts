import { Type } from 'typebox'
import type { CallSpec } from '../call.ts'
import { changeEvents } from '../messages/events.ts'
import { Health } from '../messages/health.ts'
import { tokenKinds } from '../messages/token-kinds.ts'
import { Token } from '../messages/tokens.ts'
import { follower, narrowed, plain, pretty, reader, strict } from './parts.ts'

/** The server itself. */
export const serviceCalls = {
  whoami: {
    method: 'GET',
    path: '/v1/whoami',
    summary: 'The token of this call, without its text',
    access: tokenKinds,
    reach: 'own',
    query: plain,
    answers: { 200: Token },
  },
  events: {
    method: 'GET',
    path: '/v1/events',
    summary: 'The changes on the server, as server-sent events',
    access: follower,
    reach: 'list',
    query: Type.Object(
      {
        after: Type.Optional(
          Type.Integer({
            minimum: 0,
            maximum: Number.MAX_SAFE_INTEGER,
            description: 'the number of the last event that is known, where there is no `Last-Event-ID`',
          }),
        ),
        ...narrowed,
        ...pretty,
      },
      strict,
    ),
    answers: { 200: ['text/event-stream'] },
    events: changeEvents,
  },
  health: {
    method: 'GET',
    path: '/health',
    summary: 'Whether the server and its store work',
    access: ['open'],
    reach: 'fleet',
    query: plain,
    answers: { 200: Health, 503: Health },
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics in the text format of Prometheus',
    access: reader,
    reach: 'fleet',
    answers: { 200: ['text/plain'] },
  },
  openapi: {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This document',
    access: ['open'],
    reach: 'fleet',
    query: plain,
    answers: { 200: Type.Unsafe<object>({ type: 'object' }) },
  },
} as const satisfies Record<string, CallSpec>
