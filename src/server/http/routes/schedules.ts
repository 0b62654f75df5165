import { everyNamespace } from '../../../protocol/messages/token-kinds.ts'
import { ok } from '../../../result.ts'
import { jobTimes } from '../../operator-side/job-times.ts'
import { listMissed } from '../../operator-side/list-missed.ts'
import { listSchedules } from '../../operator-side/list-schedules.ts'
import { pauseAll } from '../../operator-side/pause-all.ts'
import { pauseJob } from '../../operator-side/pause-job.ts'
import type { ChangeStore } from '../audit.ts'
import type { HandlerCall, Handlers } from '../handler.ts'
import type { Services } from '../services.ts'
import { jsonOf, listOf } from './answers.ts'
import { pageOf } from './page.ts'

/** When jobs run by themselves. */
export const scheduleHandlers = {
  async listSchedules({ query, rights }, { store, context }) {
    const listed = await store.read(tx => listSchedules(tx, context, rights, pageOf(query), query))
    return listed.ok ? listOf(listed.value) : listed
  },

  async nextTimes({ params, query, rights }, { store, context }) {
    const job = { namespace: rights.namespace, name: params.name }
    return jsonOf(await store.read(tx => jobTimes(tx, context, job, query.count ?? 10)))
  },

  async listMissed({ query, rights }, { store }) {
    return listOf(await store.read(tx => listMissed(tx, rights, query.job, pageOf(query))))
  },

  pauseJob: (call, services) => pausingJob(call, services, true),
  resumeJob: (call, services) => pausingJob(call, services, false),
  pauseAll: ({ change, rights }) => pausingAll(change, rights, true),
  resumeAll: ({ change, rights }) => pausingAll(change, rights, false),
} satisfies Partial<Handlers>

async function pausingJob(
  { params, rights, change }: HandlerCall<'pauseJob'> | HandlerCall<'resumeJob'>,
  { context }: Services,
  isToPause: boolean,
) {
  const job = { namespace: rights.namespace, name: params.name }
  const paused = await change(async (tx, note) => {
    const result = await pauseJob(tx, context, job, isToPause)
    if (!result.ok) return result
    const { before, after } = result.value
    note({
      object: job.name,
      before: { paused_at: before.paused_at },
      after: { paused_at: after.paused_at },
    })
    return ok(after)
  })
  return jsonOf(paused)
}

async function pausingAll(
  change: ChangeStore,
  rights: HandlerCall<'pauseAll'>['rights'],
  isToPause: boolean,
) {
  const paused = await change(async (tx, note) => {
    const { before, after } = await pauseAll(tx, rights, isToPause)
    const [namespace, ...others] = after.namespaces
    const isOne = namespace !== undefined && namespace !== everyNamespace && others.length === 0
    note({ object: null, before, after, ...(isOne ? { namespace } : {}) })
    return ok(after)
  })
  return jsonOf(paused)
}
