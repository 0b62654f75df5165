import type { Outcome } from '../event.ts'
import type { Exit } from '../process/start.ts'

/** What a task's end asks of the chain. Everything that is none of the agreed statuses is a reason to try again. */
export function outcomeOf(exit: Exit): Outcome {
  if (exit.kind !== 'exited') return 'RETRY'
  switch (exit.code) {
    case 0:
      return 'OK'
    case 2:
      return 'HALT'
    case 3:
      return 'EXIT'
    default:
      return 'RETRY'
  }
}
