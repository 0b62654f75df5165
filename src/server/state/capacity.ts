/* Slots of runners and queued executions, by runner group and capabilities, for an autoscaler. */
import { partsOfQueue } from '../../store/queue.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import type { Store } from '../../store/store.ts'
import { capabilitiesOf, capacityOf, groupOf, isEnabled, runnerStateOf } from '../rules/effective.ts'

export interface Labels {
  runner_group: string
  /** Sorted, with commas between them; `other` in place of the rare ones. */
  capabilities: string
}

/** Numbers by runner group and capabilities. */
export class ByCapabilities {
  readonly #numbers = new Map<string, { labels: Labels; number: number }>()

  add(runner_group: string, capabilities: readonly string[], number: number): void {
    this.#put({ runner_group, capabilities: capabilities.toSorted().join(',') }, number)
  }

  #put(labels: Labels, number: number): void {
    const key = `${labels.runner_group} ${labels.capabilities}`
    const known = this.#numbers.get(key)?.number ?? 0
    this.#numbers.set(key, { labels, number: known + number })
  }

  /**
   * At most so many, the greatest first, and the sum of all others as the capabilities `other` of their
   * group.
   */
  most(count: number): { labels: Labels; number: number }[] {
    const all = [...this.#numbers.values()].toSorted((a, b) => b.number - a.number)
    const rest = new ByCapabilities()
    for (const { labels, number } of all.slice(count))
      rest.#put({ runner_group: labels.runner_group, capabilities: 'other' }, number)
    return [...all.slice(0, count), ...rest.#numbers.values()]
  }
}

/**
 * `capacity`: slots of the runners that may take jobs. `busy`: executions that a runner holds. `queued`:
 * executions that wait for a runner with these capabilities. `runners` are all that are not deleted.
 */
export async function capacityIn(store: Store, runners: readonly RunnerRow[], watched: number) {
  const [capacity, busy, queued] = [new ByCapabilities(), new ByCapabilities(), new ByCapabilities()]
  const { held, queues } = await store.read(async tx => ({
    held: await tx.countHeld(),
    queues: await tx.countQueues(),
  }))
  for (const runner of runners) {
    const place = [groupOf(runner), capabilitiesOf(runner)] as const
    const works =
      runnerStateOf(runner, watched) === 'ready' && isEnabled(runner) && runner.unable_because === null
    capacity.add(...place, works ? capacityOf(runner) : 0)
    busy.add(...place, held.get(runner.id) ?? 0)
  }
  for (const { queue, count } of queues) {
    const { runner_group, capabilities } = partsOfQueue(queue)
    queued.add(runner_group, capabilities, count)
  }
  return { capacity, busy, queued }
}
