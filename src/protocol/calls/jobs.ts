import { Type } from 'typebox'
import type { CallSpec } from '../call.ts'
import { Name } from '../messages/common.ts'
import { Execution } from '../messages/executions.ts'
import { Job, JobBody, Restored, ShownJob } from '../messages/jobs.ts'
import { JobStats, JobSummaryList } from '../messages/stats.ts'
import {
  byName,
  inEach,
  inOne,
  narrowed,
  operator,
  page,
  pretty,
  reader,
  strict,
  submitter,
} from './parts.ts'

/** Definitions of jobs. */
export const jobCalls = {
  putJob: {
    method: 'PUT',
    path: '/v1/jobs/{name}',
    summary: 'Define a job',
    access: operator,
    reach: 'name',
    params: byName,
    query: inOne,
    body: JobBody,
    answers: { 200: Job, 201: Job },
  },
  postJob: {
    method: 'POST',
    path: '/v1/jobs',
    summary: 'Define a job whose name is in the body, as PUT does',
    access: operator,
    reach: 'name',
    query: inOne,
    body: Job,
    answers: { 200: Job, 201: Job },
  },
  listJobs: {
    method: 'GET',
    path: '/v1/jobs',
    summary: 'All definitions: the backup',
    access: reader,
    reach: 'list',
    query: inEach,
    answers: { 200: Type.Array(ShownJob, { $id: 'Jobs' }) },
  },
  getJob: {
    method: 'GET',
    path: '/v1/jobs/{name}',
    summary: 'One definition',
    access: reader,
    reach: 'name',
    params: byName,
    query: inOne,
    answers: { 200: ShownJob },
  },
  jobStats: {
    method: 'GET',
    path: '/v1/jobs/{name}/stats',
    summary: 'How the latest runs of a job have ended, and how long they took',
    access: reader,
    reach: 'name',
    params: byName,
    query: inOne,
    answers: { 200: JobStats },
  },
  listJobStats: {
    method: 'GET',
    path: '/v1/stats/jobs',
    summary: 'The jobs by name, each with how its latest runs have ended and when it runs next',
    access: reader,
    reach: 'list',
    query: Type.Object(
      {
        text: Type.Optional(
          Type.String({ maxLength: 128, description: 'only jobs whose name contains it, in any case' }),
        ),
        job: Type.Optional(Type.Unsafe<string>({ ...Name, description: 'only the jobs of this name' })),
        ...narrowed,
        ...page,
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50 })),
        ...pretty,
      },
      strict,
    ),
    answers: { 200: JobSummaryList },
  },
  deleteJob: {
    method: 'DELETE',
    path: '/v1/jobs/{name}',
    summary: 'Remove a definition; its executions stay',
    access: operator,
    reach: 'name',
    params: byName,
    query: inOne,
    answers: { 204: null },
  },
  restore: {
    method: 'POST',
    path: '/v1/restore',
    summary: 'Restore definitions, all of them or none; as JSON, or as the form field `file`',
    access: operator,
    reach: 'name',
    // Judged entry by entry, so that the answer names the wrong one.
    query: inOne,
    body: Type.Unsafe<unknown>({ description: 'an array of Job, as GET /v1/jobs gives it' }),
    form: 'file',
    answers: { 200: Restored },
  },
  runJob: {
    method: 'POST',
    path: '/v1/jobs/{name}/run',
    summary: 'Run a job',
    access: submitter,
    reach: 'name',
    idempotent: true,
    params: byName,
    query: inOne,
    answers: { 201: Execution },
  },
} as const satisfies Record<string, CallSpec>
