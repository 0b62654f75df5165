import type { NotResumed, PlannedTaskFact, ResumeFact } from '../event.ts'
import { defined, fail, ok, type Result } from '../result.ts'
import type { RunRecord } from './run-record.ts'

/** The point at which a run resumes another one. */
export type ResumePoint = Omit<ResumeFact, 'killed'>

/** The reason why the last run is not resumed. */
export type ResumeFailure =
  | { reason: NotResumed; message: string }
  /** The last run asked for a reboot that has not come. */
  | { reason: 'reboot-pending'; message: string }

export interface Present {
  boot_id: string
  tasks: readonly PlannedTaskFact[]
  resume_across_boots: boolean
}

/**
 * Decides whether the last run of a chain can be resumed: a signal or a crash ended it in this boot, or it
 * asked for the reboot that has come since, and the plan and the contents of the tasks are the same. A pure
 * function of its arguments.
 */
export function decideResume(
  last: RunRecord | undefined,
  present: Present,
): Result<ResumePoint, ResumeFailure> {
  if (last === undefined) return fail({ reason: 'nothing-to-resume', message: 'there is no run to resume' })
  const run = `run ${last.started.run_id}`
  const sameBoot = last.started.boot_id === present.boot_id
  const { ended, reboot, verdict } = last
  if (ended !== undefined && ended.reason !== 'interrupted' && ended.reason !== 'reboot')
    return fail({ reason: 'ended', message: `${run} ended by itself: ${ended.reason}` })
  if (verdict !== undefined)
    return fail({ reason: 'ended', message: `${run} had come to its end: ${verdict}` })
  // A run that crashed while it asked may or may not have been heard, so it asks again: a host that is asked
  // twice reboots once.
  if (ended !== undefined && reboot?.asked && sameBoot)
    return fail({
      reason: 'reboot-pending',
      message: `${run} has asked for a reboot, which has not come yet`,
    })
  if (reboot === undefined && !sameBoot && !present.resume_across_boots)
    return fail({
      reason: 'other-boot',
      message: `${run} was interrupted in another boot; its effects may be gone`,
    })
  const change = planChange(last.started.tasks, present.tasks)
  if (change !== undefined) return fail({ ...change, message: `${run} cannot be resumed: ${change.message}` })

  const [task_try, ...more_task_tries] = [...last.task_tries].map(([task, try_num]) => ({ task, try_num }))
  const [failed, ...more_failed] = last.failed.values()
  return ok({
    run_id: last.started.run_id,
    done: last.done,
    chain_try: last.chain_try,
    ...defined({ task_try, more_task_tries: listed(more_task_tries) }),
    ...defined({ failed, more_failed: listed(more_failed), reboot: sameBoot ? reboot?.task : undefined }),
    ...defined({ begun: listed([...last.begun]), skipped: listed([...last.skipped.values()]) }),
    tried: [...last.tried].map(([task, tries]) => ({ task, tries })),
  })
}

/** A list that is left out where it is empty. */
function listed<T>(list: T[]): T[] | undefined {
  return list.length === 0 ? undefined : list
}

function planChange(
  before: readonly PlannedTaskFact[],
  now: readonly PlannedTaskFact[],
): { reason: NotResumed; message: string } | undefined {
  const names = (tasks: readonly PlannedTaskFact[]) => tasks.map(({ task }) => task)
  const added = names(now).filter(task => !names(before).includes(task))
  const removed = names(before).filter(task => !names(now).includes(task))
  const changes = [
    ...(added.length > 0 ? [`new: ${added.join(', ')}`] : []),
    ...(removed.length > 0 ? [`gone: ${removed.join(', ')}`] : []),
  ]
  if (changes.length > 0) return { reason: 'other-plan', message: `other tasks (${changes.join('; ')})` }
  if (names(before).join('/') !== names(now).join('/'))
    return { reason: 'other-plan', message: 'the tasks have another order' }
  const changed = now.filter(
    (task, index) => task.sha256 === undefined || task.sha256 !== before[index]!.sha256,
  )
  if (changed.length === 0) return undefined
  return { reason: 'other-contents', message: `these files have changed: ${names(changed).join(', ')}` }
}

/** The number of reboots in a row before a run of a chain that follows the run `last`. */
export function rebootsBefore(last: RunRecord | undefined, bootId: string, resumes: boolean): number {
  if (last === undefined) return 0
  const came = last.reboot !== undefined && last.started.boot_id !== bootId
  if (came && last.verdict === undefined && (last.ended === undefined || last.ended.reason === 'reboot'))
    return last.started.reboots + 1
  return resumes ? last.started.reboots : 0
}
