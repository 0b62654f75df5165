import type { ResumePoint } from '../journal/resume.ts'
import { type EndOfChain, runChain } from './chain.ts'
import type { RunPlan } from './plan-run.ts'
import type { RunOptions } from './run-options.ts'
import type { Tries } from './tries.ts'

/** Runs the chain, and then the reboot that a task has asked for, and the halt task where it is asked for. */
export async function runToEnd(options: RunOptions, tries: Tries, plan: RunPlan): Promise<EndOfChain> {
  const { configuration, emit, stop } = options
  const end = await runTasks(options, tries, plan.resumes)
  if (end.reason === 'succeeded' && options.haltAfter) {
    await tries.halt()
    return stop.aborted ? { ...end, reason: 'interrupted' } : end
  }
  if (end.reason !== 'reboot') return end
  const { max_reboots } = configuration.runner
  const problem =
    plan.reboots >= max_reboots
      ? `the chain has been rebooted ${plan.reboots} times in a row (max_reboots)`
      : await tries.reboot(end.task!, plan.reboots + 1)
  if (problem === undefined) return end
  emit({ event: 'notice', reason: 'no-reboot', message: `no reboot for ${end.task}: ${problem}` })
  await tries.halt()
  return { ...end, reason: stop.aborted ? 'interrupted' : 'gave-up' }
}

/** Runs the tasks, unless the run that is resumed had only its reboot left to ask for. */
async function runTasks(
  { chain, configuration, edges, emit, stop }: RunOptions,
  tries: Tries,
  resume: ResumePoint | undefined,
): Promise<EndOfChain> {
  if (resume?.reboot !== undefined) return { reason: 'reboot', done: resume.done.length, task: resume.reboot }
  const { parallel, retry_from } = configuration.runner
  return await runChain(
    { tasks: chain.tasks, parallel, retry_from, resume },
    {
      attempt: (task, tryNum) => tries.attempt(task, tryNum),
      halt: () => tries.halt(),
      clock: edges.clock,
      random: edges.chance.random,
      emit,
      stop,
    },
  )
}
