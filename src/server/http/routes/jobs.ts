import { parseWithin } from '../../../protocol/json-bounds.ts'
import type { Job, JobBody } from '../../../protocol/messages/jobs.ts'
import { defined, ok, type Result } from '../../../result.ts'
import type { JobName } from '../../../store/filters.ts'
import { jobKey } from '../../../store/rows.ts'
import { deleteJob } from '../../operator-side/delete-job.ts'
import { getJob } from '../../operator-side/get-job.ts'
import { jobStats } from '../../operator-side/job-stats.ts'
import { listJobStats } from '../../operator-side/list-job-stats.ts'
import { jobRows, shownJobs } from '../../operator-side/list-jobs.ts'
import { putJob } from '../../operator-side/put-job.ts'
import { restore } from '../../operator-side/restore.ts'
import type { Context } from '../../rules/context.ts'
import { type Refusal, refuse } from '../../rules/refusal.ts'
import { readable } from '../../state/unreadable.ts'
import { auditedJobChange } from '../../views/audit-view.ts'
import type { ChangeStore } from '../audit.ts'
import { boundsOf } from '../body-limits.ts'
import type { HandlerCall, HandlerResponse, Handlers } from '../handler.ts'
import { createdOf, jsonOf, listOf, nothingOf } from './answers.ts'

/** Definitions, and their backup. */
export const jobHandlers = {
  async putJob({ params, body, token, rights, change }, { context }) {
    const job = { namespace: rights.namespace, name: params.name }
    return putting(change, context, job, body, token.id)
  },

  async postJob({ body, token, rights, change }, { context }) {
    const job = { namespace: rights.namespace, name: body.name }
    return putting(change, context, job, body, token.id)
  },

  async listJobs({ rights }, { store, context }) {
    return listOf({ items: shownJobs(context, await store.read(tx => jobRows(tx, rights))) })
  },

  async getJob({ params, rights }, { store, context }) {
    const job = { namespace: rights.namespace, name: params.name }
    return jsonOf(await store.read(tx => getJob(tx, context, job)))
  },

  async jobStats({ params, rights }, { store }) {
    const job = { namespace: rights.namespace, name: params.name }
    return jsonOf(await store.read(tx => jobStats(tx, job)))
  },

  async listJobStats({ query, rights }, { store, context }) {
    const { limit = 50, after } = query
    const page = { limit, ...defined({ after }) }
    return listOf(await store.read(tx => listJobStats(tx, context, rights, query, page)))
  },

  async deleteJob({ params, rights, change }, { context }) {
    const job = { namespace: rights.namespace, name: params.name }
    const deleted = await change(async (tx, note) => {
      const before = await readable(tx.job(job), jobKey(job))
      note({ ...auditedJobChange(before, undefined, context), object: job.name })
      return deleteJob(tx, job)
    })
    return nothingOf(deleted)
  },

  async restore(call, { context }) {
    const backup = backupOf(call)
    if (!backup.ok) return backup
    const { rights, token, change } = call
    const restored = await change(async (tx, note) => {
      const result = await restore(tx, context, rights, backup.value, token.id, (before, after) =>
        note(auditedJobChange(before, after, context)),
      )
      if (result.ok) note({ object: null, after: result.value })
      return result
    })
    return jsonOf(restored)
  },
} satisfies Partial<Handlers>

async function putting(
  change: ChangeStore,
  context: Context,
  job: JobName,
  body: JobBody,
  owner: string,
): Promise<Result<HandlerResponse<'putJob'>, Refusal>> {
  const put = await change(async (tx, note) => {
    const before = await tx.job(job)
    const result = await putJob(tx, context, job, body, owner)
    if (result.ok)
      note({
        ...auditedJobChange(before, await tx.job(job), context),
        status: result.value.created ? 201 : 200,
      })
    return result
  })
  return put.ok ? answerOf(put.value) : put
}

/** A definition that was put: 201 for a new one. */
const answerOf = ({ job, created }: { job: Job; created: boolean }) =>
  created ? createdOf(ok(job)) : jsonOf(ok(job))

/** The body, or the content of the file in the form field `file`. */
function backupOf({ body, form }: HandlerCall<'restore'>): Result<unknown, Refusal> {
  if (form === undefined)
    return body === undefined || body === null
      ? refuse('malformed', 'send the backup as JSON, or as the form field `file`')
      : ok(body)
  const { file } = form
  if (file === undefined) return refuse('malformed', 'the form has no field `file`')
  const parsed = parseWithin(file, boundsOf('restore'))
  if (parsed.ok) return parsed
  const { tooMuch, detail } = parsed.failure
  return refuse(tooMuch ? 'too-large' : 'malformed', `the file ${detail}`)
}
