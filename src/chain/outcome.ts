import type { Outcome } from '../event.ts'
import type { Exit } from '../process/start.ts'

/** The status by which a task asks for a reboot, where a `reboot_command` says how. */
const rebootStatus = 194

/**
 * The outcome of a try by the end of its process. Each end without an agreed status is a reason to try again.
 */
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
