import type { ResumeFact } from '../event.ts'

/** The failures of an interrupted run that have had no consequence yet. */
export function allFailed(resume: Pick<ResumeFact, 'failed' | 'more_failed'> | undefined) {
  return [...listOf(resume?.failed), ...(resume?.more_failed ?? [])]
}

/** The number of the next try of each task whose tries count by themselves. */
export function allTaskTries(resume: Pick<ResumeFact, 'task_try' | 'more_task_tries'> | undefined) {
  return [...listOf(resume?.task_try), ...(resume?.more_task_tries ?? [])]
}

function listOf<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value]
}
