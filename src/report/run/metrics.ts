import { readBounded } from '../../config/read-bounded.ts'
import type { Clock } from '../../edges.ts'
import type { Emit, Event, Outcome, RunEnd } from '../../event.ts'
import { errorText } from '../../result.ts'
import { replaceFile } from '../../system/replace-file.ts'
import { readSamples, type Sample, writeSamples } from './prometheus.ts'

/** The metrics, with their help in the file (docs/reference/systemd.md). */
const metrics = {
  runner_task_last_result: 'How the last try of the task ended: 1 with the label of its result.',
  runner_task_last_duration_seconds: 'How long the last try of the task took.',
  runner_task_last_end_timestamp_seconds: 'When the last try of the task ended.',
  runner_task_tries: 'Tries of the task in the last run that had any, and in the runs that it resumed.',
  runner_runs_total: 'Runs by their result.',
  runner_last_run_start_timestamp_seconds: 'When the last run began.',
  runner_last_run_result: 'How the last run ended: 1 with the label of its result.',
  runner_last_run_duration_seconds: 'How long the last run took.',
  runner_last_run_end_timestamp_seconds: 'When the last run ended.',
} as const
type Metric = keyof typeof metrics

/**
 * Applies events before `emit` gets them, and writes `file` when a run begins, after each try of a task and
 * at the end of the run, whole or not at all. Samples of earlier runs, and of tasks that are still in the
 * plan, stay in the file. A file that cannot be written costs one notice, which `notify` gets, never the run.
 * All runs of a process share one, so that no run overwrites the samples of another.
 */
export function withMetrics(emit: Emit, file: string | undefined, clock: Clock, notify: Emit): Emit {
  if (file === undefined) return emit
  const metrics = new Metrics(clock)
  let lost = false
  const write = lastOnly(async () => {
    try {
      // Readable for all: a collector runs as another user.
      await replaceFile(file, metrics.text(), { mode: 0o644, trusted: true })
    } catch (error) {
      const message = `no metrics are written to ${file}: ${errorText(error)}`
      if (!lost) void notify({ event: 'notice', reason: 'metrics-lost', message })
      lost = true
    }
  })
  return event => {
    if (event.event === 'run:started') metrics.begin(file, event)
    if (metrics.apply(event)) write()
    return emit(event)
  }
}

/** The samples of one chain. */
class Metrics {
  readonly #clock: Clock
  #directory = ''
  #samples: Sample[] = []
  /** Tries of each task in this run, and in the runs that it resumes. */
  readonly #tries = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Keeps the samples of the same chain; those of the first run come from the file. */
  begin(file: string, event: Event & { event: 'run:started' }): void {
    const { task_dir, tasks, partial, after_crash_of, resumes } = event
    const before = this.#directory === task_dir ? this.#samples : readSamples(textOf(file))
    const names = new Set(tasks.map(({ name }) => name))
    this.#directory = task_dir
    this.#tries.clear()
    this.#samples = before.filter(
      ({ metric, labels }) =>
        metric in metrics &&
        metric !== 'runner_last_run_start_timestamp_seconds' &&
        labels.task_dir === task_dir &&
        (partial || labels.task === undefined || names.has(labels.task)),
    )
    this.#set('runner_last_run_start_timestamp_seconds', this.#now())
    // The file may have missed the last tries of a run that was killed.
    for (const { task, tries } of resumes?.tried ?? []) {
      const name = tasks.find(planned => planned.task === task)?.name
      if (name !== undefined) this.#setTries(name, tries)
    }
    if (after_crash_of !== undefined) this.#count('crashed')
  }

  /** Whether an event has changed anything. */
  apply(event: Event): boolean {
    if (event.event === 'try:ended' && event.kind === 'task') {
      this.#tried(event.name, event.outcome, event.duration_seconds)
      return true
    }
    if (event.event === 'run:ended') this.#ran(event.reason, event.duration_seconds)
    return event.event === 'run:started' || event.event === 'run:ended'
  }

  #tried(task: string, result: Outcome, duration: number): void {
    const tries = (this.#tries.get(task) ?? 0) + 1
    this.#samples = this.#samples.filter(({ labels }) => labels.task !== task)
    this.#set('runner_task_last_result', 1, { task, result })
    this.#set('runner_task_last_duration_seconds', duration, { task })
    this.#set('runner_task_last_end_timestamp_seconds', this.#now(), { task })
    this.#setTries(task, tries)
  }

  #setTries(task: string, tries: number): void {
    this.#tries.set(task, tries)
    const isIt = ({ metric, labels }: Sample) => metric === 'runner_task_tries' && labels.task === task
    this.#samples = this.#samples.filter(sample => !isIt(sample))
    this.#set('runner_task_tries', tries, { task })
  }

  #ran(result: RunEnd, duration: number): void {
    const last = ['result', 'duration_seconds', 'end_timestamp_seconds'].map(
      what => `runner_last_run_${what}`,
    )
    this.#samples = this.#samples.filter(({ metric }) => !last.includes(metric))
    this.#count(result)
    this.#set('runner_last_run_result', 1, { result })
    this.#set('runner_last_run_duration_seconds', duration)
    this.#set('runner_last_run_end_timestamp_seconds', this.#now())
  }

  /** One run more with this result. */
  #count(result: RunEnd | 'crashed'): void {
    const isIt = ({ metric, labels }: Sample) => metric === 'runner_runs_total' && labels.result === result
    const before = this.#samples.find(isIt)?.value ?? 0
    this.#samples = this.#samples.filter(sample => !isIt(sample))
    this.#set('runner_runs_total', before + 1, { result })
  }

  #set(metric: Metric, value: number, labels: Record<string, string> = {}): void {
    this.#samples.push({ metric, labels: { task_dir: this.#directory, ...labels }, value })
  }

  #now(): number {
    return Math.round(this.#clock.now().getTime()) / 1000
  }

  text(): string {
    return Object.entries(metrics)
      .map(([metric, help]) => {
        const type = metric.endsWith('_total') ? 'counter' : 'gauge'
        return writeSamples(metric, type, help, this.#samples)
      })
      .join('')
  }
}

function textOf(file: string): string {
  // Reading a FIFO might never end.
  const bytes = readBounded(file)
  return bytes.ok ? Buffer.from(bytes.value).toString() : ''
}

/** Makes one call at a time; calls that come meanwhile are joined into one after it. */
function lastOnly(act: () => Promise<void>): () => void {
  let running = false
  let again = false
  return async function go() {
    again = true
    if (running) return
    running = true
    while (again) {
      again = false
      await act()
    }
    running = false
  }
}
