import { fail, ok, type Result } from '../../result.ts'
import { type BlackoutPlan, compileBlackouts } from '../../schedule/blackouts.ts'
import { compile, type Plan } from '../../schedule/schedule.ts'
import type { ScheduleCache } from '../../schedule/schedule-cache.ts'
import type { JobRow } from '../../store/rows.ts'

/** When a job runs by itself. */
export interface JobPlan {
  plan: Plan
  /** The blackouts of the job, without those of the server. */
  blackouts: BlackoutPlan[]
}

/** The text that decides `H` and jitter of a job. */
export const seedOf = ({ namespace, name }: Pick<JobRow, 'namespace' | 'name'>): string =>
  `${namespace}/${name}`

/**
 * Compiles the schedule of a job; fails with a sentence for the person who has put it, which begins with the
 * wrong field.
 */
export function planFor(job: JobRow, cache: ScheduleCache): Result<JobPlan, string> {
  const { schedule, blackouts: rules = [] } = job.body
  const plan = compile(schedule ?? {}, seedOf(job), cache)
  if (!plan.ok) return fail(`schedule in the body: ${plan.failure}`)
  const blackouts = compileBlackouts(rules, seedOf(job), cache)
  if (!blackouts.ok) return fail(`blackouts in the body: ${blackouts.failure}`)
  return ok({ plan: plan.value, blackouts: blackouts.value })
}
