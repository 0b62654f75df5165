import { checkValues } from './check-section.ts'
import type { Diagnostic } from './diagnostic.ts'
import { type Entries, textsInForce, valuesOf } from './section.ts'
import { perTask, type TaskSettings, task, taskOnly } from './sections/task.ts'
import type { Setting } from './setting.ts'

export interface TaskConfiguration {
  settings: TaskSettings
  /** The texts in force. */
  texts: Map<string, Setting>
  findings: Diagnostic[]
}

/**
 * The settings of one task: of its own sections, of which the first that has a key wins, then of `[runner]`,
 * whose texts in force are `runner`, then the defaults.
 */
export function loadTask(sections: readonly Entries[], runner: Entries, base: string): TaskConfiguration {
  const checked = sections.map(entries => checkValues('task', task.keys, entries))
  const presets = textsInForce(taskOnly, new Map(), {})
  const texts = new Map<string, Setting>()
  for (const name of Object.keys(task.keys)) {
    const own = checked.find(({ valid }) => valid.has(name))?.valid
    const setting = (own ?? (name in perTask ? runner : presets)).get(name)
    if (setting !== undefined) texts.set(name, setting)
  }
  const settings = valuesOf(task.keys, texts, base)
  return { settings, texts, findings: checked.flatMap(({ findings }) => findings) }
}
