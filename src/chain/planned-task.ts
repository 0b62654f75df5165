import type { TaskSettings } from '../config/sections/task.ts'
import type { Setting } from '../config/setting.ts'
import type { Skipped, Task } from './discover.ts'

/** A task with its settings. */
export interface ConfiguredTask extends Task {
  settings: TaskSettings
  /** The texts of the settings, with where each came from. */
  texts: Map<string, Setting>
}

/** A task with all that is known of it before it runs. */
export interface PlannedTask extends ConfiguredTask {
  /** File names. */
  dependencies: string[]
}

/** A chain that is fit to run. */
export interface Chain {
  directory: string
  /** In the order in which they run. */
  tasks: PlannedTask[]
  skipped: Skipped[]
  /** Absent where there is none. */
  halt?: { file: string; path: string } | undefined
}
