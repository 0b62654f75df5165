import { suits } from './eligibility.ts'
import { capabilitiesOf, groupOf } from './runner-facts.ts'
import { partsOfQueue, queueOf, type RunnerRow } from './store/store.ts'

/** Runners of one group with the same capabilities: of thousands of runners there are few crews. */
export interface Crew {
  /** Whether they can take what is in a queue, as far as it was asked. */
  readonly known: Map<string, boolean>
  readonly example: RunnerRow
}

/** Crews and answers remembered at most. */
const most = 10_000
const crews = new Map<string, Crew>()

/** The crew of a runner, the same for all that are in it. */
export function crewOf(runner: RunnerRow): Crew {
  const name = queueOf({ runner_group: groupOf(runner), capabilities: capabilitiesOf(runner) })
  const found = crews.get(name)
  if (found !== undefined) return found
  if (crews.size >= most) crews.clear()
  const crew: Crew = { known: new Map(), example: runner }
  crews.set(name, crew)
  return crew
}

/** Whether a crew can take what is in one of these queues. */
export function suitsAny(crew: Crew, queues: ReadonlySet<string>): boolean {
  for (const queue of queues) {
    let answer = crew.known.get(queue)
    if (answer === undefined) {
      answer = suits(crew.example, partsOfQueue(queue))
      if (crew.known.size >= most) crew.known.clear()
      crew.known.set(queue, answer)
    }
    if (answer) return true
  }
  return false
}
