import type { Outcome } from '../event.ts'
import type { Exit } from '../process/start.ts'

/** The status by which a task asks for a reboot, where a `reboot_command` says how. */
const rebootStatus = 194

/** What a task's end asks of the chain. Everything that is none of the agreed statuses is a reason to try again. */
export function outcomeOf(exit: Exit, canReboot: boolean): Outcome {
  if (exit.kind !== 'exited') return 'RETRY'
  switch (exit.code) {
    case 0:
      return 'OK'
    case 2:
      return 'HALT'
    case 3:
      return 'EXIT'
    case rebootStatus:
      return canReboot ? 'REBOOT' : 'RETRY'
    default:
      return 'RETRY'
  }
}
