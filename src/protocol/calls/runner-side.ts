import { Type } from 'typebox'
import type { CallSpec } from '../call.ts'
import { channelEvents } from '../messages/channel.ts'
import { Id } from '../messages/common.ts'
import { Heartbeat, HeartbeatAnswer, Leave } from '../messages/heartbeats.ts'
import { Registered, Registration } from '../messages/registration.ts'
import { Confirm, Reservations, Reserve } from '../messages/reservations.ts'
import { LogLength, ResultMessage } from '../messages/results.ts'
import { byId, pretty, runnerAlone, strict } from './parts.ts'

/** The calls of runners. */
export const runnerCalls = {
  register: {
    method: 'POST',
    path: '/v1/runners/register',
    summary: 'Register a runner, or take over its session',
    access: ['registration', 'runner'],
    reach: 'own',
    // The credentials of the answer are sealed for the runner's private key: a runner that was away for weeks
    // comes back, and whoever has its old token alone gets nothing.
    takesExpired: true,
    body: Registration,
    answers: { 200: Registered },
  },
  commands: {
    method: 'GET',
    path: '/v1/runners/{id}/commands',
    summary: 'The command channel of a runner, as server-sent events',
    access: runnerAlone,
    reach: 'own',
    session: true,
    params: byId,
    answers: { 200: ['text/event-stream'] },
    events: channelEvents,
  },
  reserve: {
    method: 'POST',
    path: '/v1/runners/{id}/reserve',
    summary: 'Wait for work',
    waits: true,
    access: runnerAlone,
    reach: 'own',
    session: true,
    params: byId,
    body: Reserve,
    answers: { 200: Reservations, 204: null },
  },
  confirm: {
    method: 'POST',
    path: '/v1/executions/{id}/confirm',
    summary: 'Take a reserved execution',
    access: runnerAlone,
    reach: 'own',
    session: true,
    params: byId,
    body: Confirm,
    answers: { 204: null },
  },
  heartbeat: {
    method: 'POST',
    path: '/v1/runners/{id}/heartbeat',
    summary: 'Say what a runner holds, and renew its leases',
    access: runnerAlone,
    reach: 'own',
    session: true,
    params: byId,
    body: Heartbeat,
    answers: { 200: HeartbeatAnswer },
  },
  appendLog: {
    method: 'POST',
    path: '/v1/executions/{id}/log',
    summary: 'Append to the log of an execution',
    access: runnerAlone,
    reach: 'own',
    session: true,
    params: byId,
    query: Type.Object(
      { offset: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), lease: Id, ...pretty },
      strict,
    ),
    bodyType: 'application/octet-stream',
    answers: { 200: LogLength },
  },
  result: {
    method: 'PUT',
    path: '/v1/executions/{id}/result',
    summary: 'Say how an execution ended',
    access: runnerAlone,
    reach: 'own',
    session: true,
    params: byId,
    body: ResultMessage,
    answers: { 204: null },
  },
  leave: {
    method: 'POST',
    path: '/v1/runners/{id}/leave',
    summary: 'Say good-bye; leases last until it is back',
    access: runnerAlone,
    reach: 'own',
    session: true,
    params: byId,
    body: Leave,
    answers: { 204: null },
  },
} as const satisfies Record<string, CallSpec>
