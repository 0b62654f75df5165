/* Schedules of jobs, compiled; the memory of the server keeps those that were used last. */
import type { Result } from '../../result.ts'
import { type BlackoutPlan, compileBlackouts } from '../../schedule/blackouts.ts'
import type { Reader } from '../../store/reader.ts'
import type { JobRow } from '../../store/rows.ts'
import type { Context } from '../rules/context.ts'
import { type JobPlan, planFor, seedOf } from '../rules/job-plan.ts'
import { settingsIn } from './settings.ts'

/** Plans that are kept: one takes some kilobytes, and is made in less time than an execution. */
const mostPlans = 5000

/** The plan of a job with a schedule, as `planFor` makes it. */
export function planOf({ memory }: Pick<Context, 'memory'>, job: JobRow): Result<JobPlan, string> {
  const seed = seedOf(job)
  const text = JSON.stringify([job.body.schedule, job.body.blackouts])
  const known = memory.plans.get(seed)
  if (known?.text === text) return known.plan
  const plan = planFor(job, memory.schedules)
  memory.plans.delete(seed)
  if (memory.plans.size >= mostPlans) memory.plans.delete(memory.plans.keys().next().value!)
  memory.plans.set(seed, { text, plan })
  return plan
}

/** The blackouts of the server, which hold for all jobs. */
export async function serverBlackouts(tx: Reader, ctx: Pick<Context, 'memory'>): Promise<BlackoutPlan[]> {
  const { blackouts: rules = [] } = await settingsIn(tx, ctx)
  const { memory } = ctx
  if (memory.blackouts?.rules === rules) return memory.blackouts.value
  const compiled = compileBlackouts(rules, 'server', memory.schedules)
  // They were checked when they were put.
  const value = compiled.ok ? compiled.value : []
  memory.blackouts = { rules, value }
  return value
}
