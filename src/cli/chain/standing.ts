import { mayBeSkipped } from '../../chain/conditions.ts'
import { TaskGate } from '../../chain/gate.ts'
import type { PlannedTask } from '../../chain/planned-task.ts'
import type { Configuration } from '../../config/load.ts'
import { readBootId } from '../../system/boot-id.ts'
import { realPath } from '../../system/real-path.ts'

/** Whether a task would be skipped if it were its turn now, as far as that can be known without a run. */
export interface Standing {
  /** The reason for which it would be skipped, in words that follow `skipped: `. */
  skipped?: string
  /** A `condition_command` decides. */
  asks?: true
  /** Sentences about what cannot be known. */
  doubts: string[]
}

/** The standing of a task of a directory; undefined for one that has no condition and runs always. */
export function standingOf(
  task: PlannedTask,
  directory: string,
  { runner }: Configuration,
): Standing | undefined {
  if (!mayBeSkipped(task.settings)) return undefined
  const taskDir = realPath(directory)
  const gate = new TaskGate({ state: runner.state_dir, taskDir, bootId: readBootId() })
  const doubts: string[] = []
  const standing = gate.standing(task, doubts)
  if (!standing.ok) return { doubts: [...doubts, `${task.file} ${standing.failure}`] }
  if (standing.value !== undefined) return { skipped: standing.value.message, doubts }
  return task.settings.condition_command.length > 0 ? { asks: true, doubts } : { doubts }
}

/** The same in a line. */
export function standingText({ skipped, asks, doubts }: Standing): string {
  const now =
    skipped !== undefined ? `is skipped: ${skipped}` : asks ? 'runs if its condition_command says so' : 'runs'
  return [now, ...doubts].join('; ')
}
