import type { PlannedTask } from '../chain/prepare.ts'
import { formatDiagnostic } from '../config/diagnostic.ts'
import type { Setting } from '../config/load.ts'
import { exitStatus } from '../exit-status.ts'
import { jsonText, shown } from '../process/printable.ts'
import { type ChainOptions, hasErrors, loadChain } from './load-chain.ts'
import { print, sayError } from './say.ts'

export interface ListCommandOptions extends ChainOptions {
  json: boolean
}

/** `runner list`: the tasks in their order with the settings in force for each, and what is no task and why. */
export function listCommand(options: ListCommandOptions, env: NodeJS.ProcessEnv): number {
  const { loaded, findings } = loadChain(options, env)
  for (const finding of findings) if (finding.severity === 'error') sayError(`${formatDiagnostic(finding)}\n`)
  if (loaded === undefined) return exitStatus.config
  const { chain } = loaded
  if (options.json) {
    const tasks = chain.tasks.map(({ file, name, path, dependencies, texts }, index) => ({
      order: index + 1,
      task: file,
      name,
      path,
      depends_on: dependencies,
      settings: Object.fromEntries(texts),
    }))
    const not_tasks = chain.skipped.map(({ file, because }) => ({ file, because }))
    print(`${jsonText({ task_dir: chain.directory, tasks, not_tasks })}\n`)
  } else {
    const lines = chain.tasks.flatMap((task, index) => taskLines(task, index + 1))
    print(`${[`Tasks of ${chain.directory}, in the order in which they run:`, ...lines].join('\n')}\n`)
    if (chain.tasks.length === 0) print('  none\n')
    if (chain.skipped.length > 0) print('Not tasks:\n')
    for (const { file, because } of chain.skipped) print(`  ${shown(file)}: ${because}\n`)
  }
  return hasErrors(findings) ? exitStatus.config : exitStatus.ok
}

function taskLines(task: PlannedTask, order: number): string[] {
  const bySource = Map.groupBy(task.texts, ([, { origin }]) => placeOf(origin))
  const settings = [...bySource].sort(([a], [b]) => Number(a === 'default') - Number(b === 'default'))
  return [
    `${String(order).padStart(3)}  ${shown(task.file)}  (${shown(task.name)})`,
    ...settings.map(
      ([place, entries]) =>
        `       ${place}: ${entries.map(([key, { value }]) => setting(key, value)).join(', ')}`,
    ),
  ]
}

function placeOf(origin: Setting['origin']): string {
  return origin === undefined ? 'default' : `${origin.file}:${origin.line}`
}

function setting(key: string, value: string): string {
  return `${key} = ${value.replaceAll('\n', ' ')}`
}
