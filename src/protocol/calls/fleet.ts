import { Type } from 'typebox'
import type { CallSpec } from '../call.ts'
import { AuditList } from '../messages/audit.ts'
import { AnyTime, Name } from '../messages/common.ts'
import { Group, GroupList, GroupPatch } from '../messages/groups.ts'
import { Runner, RunnerList, RunnerPatch } from '../messages/runners.ts'
import { Settings } from '../messages/settings.ts'
import { Availability, countedSeconds, Stats } from '../messages/stats.ts'
import { TokenCreate, TokenCreated, TokenList } from '../messages/tokens.ts'
import {
  admin,
  byId,
  byName,
  narrowed,
  operator,
  page,
  paged,
  plain,
  pretty,
  reader,
  strict,
} from './parts.ts'

/** A span of time. */
const times = {
  since: Type.Optional(
    Type.Unsafe<string>({ ...AnyTime, description: 'from this time on; by default a day before `until`' }),
  ),
  until: Type.Optional(
    Type.Unsafe<string>({ ...AnyTime, description: 'to before this time; by default now' }),
  ),
}

/** The metadata that a runner must have: `metadata.environment=production`. */
const ofMetadata = {
  '^metadata\\..{1,128}$': Type.String({
    maxLength: 1024,
    title: 'metadata.KEY',
    description: 'only runners whose metadata has this value under KEY; all of several must fit',
  }),
}

/** Runners, groups, tokens, settings, and the audit log. */
export const fleetCalls = {
  listRunners: {
    method: 'GET',
    path: '/v1/runners',
    summary: 'Runners, the oldest first',
    access: reader,
    reach: 'fleet',
    query: Type.Object(
      { runner_group: Type.Optional(Name), ...page, ...pretty },
      { ...strict, patternProperties: ofMetadata },
    ),
    answers: { 200: RunnerList },
  },
  getRunner: {
    method: 'GET',
    path: '/v1/runners/{id}',
    summary: 'One runner',
    access: reader,
    reach: 'fleet',
    params: byId,
    query: plain,
    answers: { 200: Runner },
  },
  availability: {
    method: 'GET',
    path: '/v1/runners/{id}/availability',
    summary: 'When a runner was connected, in spans of 5 minutes',
    access: reader,
    reach: 'fleet',
    params: byId,
    query: Type.Object({ ...times, ...pretty }, strict),
    answers: { 200: Availability },
  },
  stats: {
    method: 'GET',
    path: '/v1/stats',
    summary: 'Counts of ended and queued executions over time, in the namespaces that the token may see',
    access: reader,
    reach: 'list',
    query: Type.Object(
      {
        step: Type.Optional(
          Type.Integer({
            minimum: countedSeconds,
            maximum: 604_800,
            default: 3600,
            description: 'seconds of each item, a multiple of 300',
          }),
        ),
        ...times,
        ...narrowed,
        ...pretty,
      },
      strict,
    ),
    answers: { 200: Stats },
  },
  patchRunner: {
    method: 'PATCH',
    path: '/v1/runners/{id}',
    summary: "Override the runner's own settings, or allow a deleted runner again",
    access: operator,
    reach: 'all',
    params: byId,
    body: RunnerPatch,
    answers: { 200: Runner },
  },
  deleteRunner: {
    method: 'DELETE',
    path: '/v1/runners/{id}',
    summary: 'Delete a runner and abort what it has not finished',
    access: operator,
    reach: 'all',
    params: byId,
    answers: { 204: null },
  },
  listGroups: {
    method: 'GET',
    path: '/v1/groups',
    summary: 'Runner groups',
    access: reader,
    reach: 'fleet',
    query: paged,
    answers: { 200: GroupList },
  },
  getGroup: {
    method: 'GET',
    path: '/v1/groups/{name}',
    summary: 'One runner group',
    access: reader,
    reach: 'fleet',
    params: byName,
    query: plain,
    answers: { 200: Group },
  },
  patchGroup: {
    method: 'PATCH',
    path: '/v1/groups/{name}',
    summary: 'Set mode and pin; elected again before the answer',
    access: operator,
    reach: 'all',
    params: byName,
    body: GroupPatch,
    answers: { 200: Group },
  },
  createToken: {
    method: 'POST',
    path: '/v1/tokens',
    summary: 'Make a token; its text is shown this one time',
    access: admin,
    reach: 'all',
    body: TokenCreate,
    answers: { 201: TokenCreated },
  },
  listTokens: {
    method: 'GET',
    path: '/v1/tokens',
    summary: 'Tokens, without their texts',
    access: admin,
    reach: 'all',
    query: paged,
    answers: { 200: TokenList },
  },
  revokeToken: {
    method: 'DELETE',
    path: '/v1/tokens/{id}',
    summary: 'Revoke a token: its channels and polls end within 5 s',
    access: admin,
    reach: 'all',
    params: byId,
    answers: { 204: null },
  },
  getSettings: {
    method: 'GET',
    path: '/v1/settings',
    summary: 'The rules and quotas of namespaces',
    access: reader,
    reach: 'all',
    query: plain,
    answers: { 200: Settings },
  },
  putSettings: {
    method: 'PUT',
    path: '/v1/settings',
    summary: 'Set the rules and quotas of namespaces, all of them at once',
    access: admin,
    reach: 'all',
    body: Settings,
    answers: { 200: Settings },
  },
  listAudit: {
    method: 'GET',
    path: '/v1/audit',
    summary: 'The audit log, the latest entries first',
    access: admin,
    reach: 'all',
    query: Type.Object(
      {
        since: Type.Optional(AnyTime),
        until: Type.Optional(AnyTime),
        token: Type.Optional(Type.String({ maxLength: 256, description: 'the id of a token, or its name' })),
        call: Type.Optional(Type.String({ maxLength: 64 })),
        namespace: Type.Optional(Name),
        object: Type.Optional(Type.String({ maxLength: 256 })),
        ...page,
        ...pretty,
      },
      strict,
    ),
    answers: { 200: AuditList },
  },
} as const satisfies Record<string, CallSpec>
