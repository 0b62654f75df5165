import type { Setting } from '../config/setting.ts'
import type { Event, PlannedTaskFact, ResumeFact } from '../event.ts'
import { exitStatus } from '../exit-status.ts'
import { lastRunsOf } from '../journal/last-run.ts'
import { decideResume, type ResumeFailure, type ResumePoint, rebootsBefore } from '../journal/resume.ts'
import type { RunRecord } from '../journal/run-record.ts'
import { runStateOf } from '../journal/runs.ts'
import { sha256OfFile } from '../journal/verify.ts'
import { defined, fail, ok, type Result } from '../result.ts'
import { startTicks } from '../system/proc.ts'
import { realPath } from '../system/real-path.ts'
import { endLeftover } from './leftover.ts'
import type { PlannedTask } from './planned-task.ts'
import type { RunOptions } from './run-options.ts'

/** The facts that a run begins with. */
export interface RunPlan {
  /** Without links. */
  taskDir: string
  tasks: PlannedTaskFact[]
  /** The number of reboots in a row that the chain has had. */
  reboots: number
  /** Where the run resumes the last one; undefined for a run from the beginning. */
  resumes: ResumePoint | undefined
  /** The last run, if it crashed. */
  afterCrashOf: number | undefined
  /** Processes that the last run had left, and that have been ended. */
  killed: ResumeFact['killed']
  /** Events for the journal as soon as it is open. */
  notices: Event[]
}

/**
 * Decides by the earlier runs where a run begins, and ends the processes that a crashed run has left. Where
 * nothing may be started, that is on record or shown, and the failure is the exit status.
 */
export async function planRun(options: RunOptions): Promise<Result<RunPlan, number>> {
  const { chain, state, bootId } = options
  const taskDir = realPath(chain.directory)
  const tasks = chain.tasks.map(planFact)
  const last = state === undefined ? {} : lastRunsOf(state, taskDir)
  // A run of this very process that has lost its record is over all the same.
  const latest = last.any !== undefined && isOwn(last.any, bootId) ? undefined : last.any
  if (latest !== undefined && runStateOf(latest) === 'running') return fail(refuse(latest, options))

  const decision = options.resume ? decide(last.whole, tasks, options) : undefined
  const failure = decision?.ok === false ? decision.failure : undefined
  if (failure?.reason === 'reboot-pending') {
    const message = `${failure.message}; nothing is started`
    options.emit({ event: 'notice', reason: 'reboot-pending', message })
    return fail(exitStatus.reboot)
  }
  if (failure?.reason === 'ended' && latest !== undefined) {
    const status = unheardStatus(latest, options)
    if (status !== undefined) return fail(status)
  }
  const resumes = decision?.ok ? decision.value : undefined
  const whole = last.whole?.ok ? last.whole.value : undefined
  const crashed = last.problem === undefined && latest?.ended === undefined ? latest : undefined
  const leftover = await endLeftover({ ...last, any: latest }, options)
  return ok({
    taskDir,
    tasks,
    reboots: rebootsBefore(whole, bootId, resumes !== undefined),
    resumes,
    afterCrashOf: crashed?.started.run_id,
    killed: leftover.killed,
    notices:
      failure === undefined
        ? leftover.notices
        : [...leftover.notices, { event: 'run:not-resumed', ...failure }],
  })
}

function planFact({ file, name, path, settings, texts, dependencies }: PlannedTask): PlannedTaskFact {
  const facts = {
    sha256: sha256OfFile(path),
    max_time_from: settingPlace(texts.get('max_time')),
    max_tries_from: settingPlace(texts.get('max_tries')),
    run: settings.run === 'always' ? undefined : settings.run,
    depends_on: dependencies.length === 0 ? undefined : dependencies,
    order: settings.order === 'free' ? settings.order : undefined,
    exclusive: settings.exclusive || undefined,
  }
  return { task: file, name, max_tries: settings.max_tries, ...defined(facts) }
}

/** The place of a setting, as records have it; undefined for a default. */
export function settingPlace(setting: Setting | undefined): string | undefined {
  const origin = setting?.origin
  return origin === undefined ? undefined : `${origin.file}:${origin.line}`
}

/** Whether it was a run of this very process. */
function isOwn({ started: { boot_id, pid, start_ticks } }: RunRecord, bootId: string): boolean {
  return boot_id === bootId && pid === process.pid && start_ticks === startTicks(pid)
}

/** The lock has been lost or removed, but the last run is still under way. */
function refuse({ started }: RunRecord, { emit }: RunOptions): number {
  const message = `run ${started.run_id} is still under way, by process ${started.pid}; nothing is started`
  emit({ event: 'notice', reason: 'still-running', message })
  return exitStatus.locked
}

function decide(
  last: Result<RunRecord, string> | undefined,
  tasks: readonly PlannedTaskFact[],
  { configuration, bootId }: RunOptions,
): Result<ResumePoint, ResumeFailure> {
  if (last?.ok === false) return fail({ reason: 'unreadable', message: last.failure })
  const { resume_across_boots } = configuration.runner
  return decideResume(last?.value, { boot_id: bootId, tasks, resume_across_boots })
}

/**
 * The exit status of a run that had ended before its process was killed, so that nobody has heard it: the run
 * is shown as it ended, and is not run again. Undefined for any other run.
 */
function unheardStatus({ started, ended }: RunRecord, options: RunOptions): number | undefined {
  if (ended === undefined || started.partial || started.pid !== options.killedProcess) return undefined
  const message = `run ${started.run_id} had ended before its process was killed; it is not run again`
  for (const event of [started, { event: 'notice', reason: 'already-ended', message }, ended] as const)
    options.show(event)
  return ended.exit_status
}
