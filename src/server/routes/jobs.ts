import { parseWithin } from '../../protocol/json-bounds.ts'
import type { Job, JobBody } from '../../protocol/messages.ts'
import { ok, type Result } from '../../result.ts'
import { boundsOf } from '../body-limits.ts'
import type { Call, Handlers } from '../call.ts'
import type { HttpRefusal } from '../http-problems.ts'
import { deleteJob, getJob, jobRows, putJob, restore, shownJobs } from '../jobs.ts'
import { refuse } from '../refusal.ts'
import { json, jsonOf, nothingOf } from './answers.ts'

/** Definitions, and their backup. */
export const jobHandlers = {
  async putJob({ params, body, token }, { store, context }) {
    const put = await store.write(tx => putJob(tx, context, params.name!, body as JobBody, token?.id))
    return put.ok ? json(put.value.job, put.value.created ? 201 : 200) : put
  },

  async postJob({ body, token }, { store, context }) {
    const job = body as Job
    const put = await store.write(tx => putJob(tx, context, job.name, job, token?.id))
    return put.ok ? json(put.value.job, put.value.created ? 201 : 200) : put
  },

  async listJobs(_, { store, context }) {
    return ok({ status: 200, list: { items: shownJobs(context, await store.read(jobRows)) } })
  },

  async getJob({ params }, { store, context }) {
    return jsonOf(await store.read(tx => getJob(tx, context, params.name!)))
  },

  async deleteJob({ params }, { store, context }) {
    return nothingOf(await store.write(tx => deleteJob(tx, context, params.name!)))
  },

  async restore(call, { store, context }) {
    const backup = await backupOf(call)
    if (!backup.ok) return backup
    return jsonOf(await store.write(tx => restore(tx, context, backup.value, call.token?.id)))
  },
} satisfies Partial<Handlers>

/** The body, or what the file in the form field `file` has in it. */
async function backupOf({ body, form }: Call): Promise<Result<unknown, HttpRefusal>> {
  if (form === undefined)
    return body === undefined || body === null
      ? refuse('malformed', 'send the backup as JSON, or as the form field `file`')
      : ok(body)
  const file = await form()
  if (file === undefined) return refuse('malformed', 'the form has no field `file`')
  const parsed = parseWithin(file, boundsOf('restore'))
  if (parsed.ok) return parsed
  const { tooMuch, detail } = parsed.failure
  return refuse(tooMuch ? 'too-large' : 'malformed', `the file ${detail}`)
}
