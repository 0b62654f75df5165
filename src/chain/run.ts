import type { Emit, Event } from '../event.ts'
import { defined } from '../result.ts'
import { startTicks } from '../system/proc.ts'
import { finishRun } from './finish-run.ts'
import { planRun, type RunPlan, settingPlace } from './plan-run.ts'
import { beginRecord } from './record.ts'
import type { RunOptions } from './run-options.ts'
import { runToEnd } from './run-to-end.ts'
import { Tries } from './tries.ts'

/** Runs the chain once, or resumes its last run; resolves to its exit status. */
export async function runOnce(options: RunOptions): Promise<number> {
  const begun = options.edges.clock.monotonic()
  const planned = await planRun(options)
  if (!planned.ok) return planned.failure
  const plan = planned.value

  const { runDir, emit, journal } = beginRecord(options)
  const recorded = { ...options, emit }
  using tries = new Tries({ ...recorded, flush: journal.flush }, runDir, plan.taskDir, plan.resumes)
  emit(startedEvent(plan, options, tries.runId, runDir?.path))
  await options.noticeBuffer.begin(journal)
  for (const notice of plan.notices) emit(notice)
  using _ = announceStops(options, emit)
  const end = await runToEnd(recorded, tries, plan)
  tries[Symbol.dispose]()
  return await finishRun(end, plan, recorded, {
    runId: tries.runId,
    begun,
    skipped: tries.skipped.size,
    journal,
  })
}

function startedEvent(
  plan: RunPlan,
  { configuration, bootId, partial }: RunOptions,
  run_id: number,
  run_dir: string | undefined,
): Event {
  const { resumes, killed } = plan
  const { parallel, max_reboots } = configuration.runner
  return {
    event: 'run:started',
    format: parallel === 1 ? 1 : 2,
    run_id,
    boot_id: bootId,
    pid: process.pid,
    start_ticks: startTicks(process.pid),
    ...defined({ config_file: configuration.file, partial: partial ? (true as const) : undefined }),
    // `partial` and `task_dir` come before facts that may be long: journal/files.ts looks for them at the
    // beginning.
    task_dir: plan.taskDir,
    ...defined({ run_dir, parallel: parallel === 1 ? undefined : parallel }),
    tasks: plan.tasks,
    ...defined({ after_crash_of: plan.afterCrashOf }),
    reboots: plan.reboots,
    max_reboots,
    ...defined({
      max_reboots_from: settingPlace(configuration.texts.get('max_reboots')),
      resumes: resumes && { ...resumes, killed },
    }),
  }
}

/** Emits an event for each wish to stop while the run is under way. */
function announceStops({ stop, hurry }: RunOptions, emit: Emit): Disposable {
  const over = new AbortController()
  for (const [signal, immediately] of [
    [stop, false],
    [hurry, true],
  ] as const) {
    const announce = () => void emit({ event: 'run:stopping', signal: signal.reason as string, immediately })
    if (signal.aborted) announce()
    else signal.addEventListener('abort', announce, { once: true, signal: over.signal })
  }
  return { [Symbol.dispose]: () => over.abort() }
}
