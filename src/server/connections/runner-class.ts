import { partsOfQueue, queueOf } from '../../store/queue.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import { capabilitiesOf, groupOf } from '../rules/effective.ts'
import { suits } from '../rules/eligibility.ts'

/** Classes, and answers of one class, that are remembered at most. */
const most = 10_000

/** Runners of one group with the same capabilities: thousands of runners make few classes. */
export class RunnerClass {
  readonly #example: RunnerRow
  /** Whether these runners can take the executions of a queue, as far as that was asked. */
  readonly #known = new Map<string, boolean>()

  constructor(example: RunnerRow) {
    this.#example = example
  }

  /** Whether these runners can take the executions of one of these queues. */
  suitsAny(queues: ReadonlySet<string>): boolean {
    for (const queue of queues) if (this.#suits(queue)) return true
    return false
  }

  #suits(queue: string): boolean {
    const known = this.#known.get(queue)
    if (known !== undefined) return known
    const answer = suits(this.#example, partsOfQueue(queue))
    if (this.#known.size >= most) this.#known.clear()
    this.#known.set(queue, answer)
    return answer
  }
}

/** The classes of the runners that have waited for work. */
export class RunnerClasses {
  readonly #classes = new Map<string, RunnerClass>()

  /** The class of a runner, one object for all that are in it. */
  of(runner: RunnerRow): RunnerClass {
    const name = queueOf({ runner_group: groupOf(runner), capabilities: capabilitiesOf(runner) })
    const found = this.#classes.get(name)
    if (found !== undefined) return found
    if (this.#classes.size >= most) this.#classes.clear()
    const made = new RunnerClass(runner)
    this.#classes.set(name, made)
    return made
  }
}
