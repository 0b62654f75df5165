import type { PlannedTask } from '../../chain/planned-task.ts'
import type { Setting } from '../../config/setting.ts'
import { exitStatus } from '../../exit-status.ts'
import { columns } from '../../report/columns.ts'
import { durationText } from '../../report/describe.ts'
import { startWords } from '../../report/records/graph.ts'
import { print, printJson } from '../../report/say.ts'
import { defined } from '../../result.ts'
import { shown } from '../../system/printable.ts'
import { sayFindings } from '../config.ts'
import { defineCommand, type NewCommand, type OptionsOf } from '../define-command.ts'
import { parsePath } from '../options.ts'
import { hasErrors, loadChain } from './load-chain.ts'
import { type Standing, standingOf, standingText } from './standing.ts'

const options = (command: NewCommand) =>
  command.argument('[taskdir]', '', parsePath).option('--json', 'print one JSON object', false)

type Options = OptionsOf<typeof options>

/**
 * Prints the tasks in their order with the settings that matter most, or with `--verbose` all of them and
 * where they come from; and the other files with the reason.
 */
function list(options: Options, directory: string | undefined, env: NodeJS.ProcessEnv): number {
  const { loaded, findings } = loadChain(options, directory, env)
  sayFindings(findings.filter(({ severity }) => severity === 'error'))
  if (loaded === undefined) return exitStatus.config
  const { chain, configuration } = loaded
  const standing = (task: PlannedTask) => standingOf(task, chain.directory, configuration)
  if (findings.some(({ reason }) => reason === 'task-dir-unreadable')) return exitStatus.config
  if (options.json) {
    const tasks = chain.tasks.map((task, index) => ({
      order: index + 1,
      task: task.file,
      name: task.name,
      path: task.path,
      depends_on: task.dependencies,
      settings: Object.fromEntries(task.texts),
      ...defined({ skipped: standing(task)?.skipped }),
    }))
    const not_tasks = chain.skipped.map(({ file, because }) => ({ file, because }))
    printJson({ task_dir: chain.directory, tasks, not_tasks })
  } else {
    print(`Tasks of ${shown(chain.directory)}, in the order in which they run:\n`)
    if (chain.tasks.length === 0) print('  none\n')
    else if (options.verbose)
      print(
        chain.tasks
          .map((task, index) =>
            taskLines(task, index + 1, standing(task))
              .map(line => `${line}\n`)
              .join(''),
          )
          .join(''),
      )
    else print(tasksText(chain.tasks))
    if (chain.skipped.length > 0) print('Not tasks:\n')
    for (const { file, because } of chain.skipped) print(`  ${shown(file)}: ${because}\n`)
  }
  return hasErrors(findings) ? exitStatus.config : exitStatus.ok
}

/** One line for each task. */
function tasksText(tasks: readonly PlannedTask[]): string {
  const rows = tasks.map(({ file, name, dependencies, settings }) => [
    shown(file),
    shown(name),
    dependencies.map(shown).join(', '),
    String(settings.max_tries),
    settings.max_time === 0 ? 'no limit' : durationText(settings.max_time),
    settings.required ? 'yes' : 'no',
    startWords(settings),
  ])
  const all = [['task', 'name', 'after', 'tries', 'time', 'required', 'starts'], ...rows]
  const isUsual = rows.every(row => row.at(-1) === '')
  return columns(isUsual ? all.map(row => row.slice(0, -1)) : all)
}

/** A task with all of its settings, and where each comes from. */
function taskLines(task: PlannedTask, order: number, standing: Standing | undefined): string[] {
  const bySource = Map.groupBy(task.texts, ([, { origin }]) => placeOf(origin))
  const settings = [...bySource].sort(([a], [b]) => Number(a === 'default') - Number(b === 'default'))
  return [
    `${String(order).padStart(3)}  ${shown(task.file)}  (${shown(task.name)})`,
    ...settings.map(
      ([place, entries]) =>
        `       ${place}: ${entries.map(([key, { value }]) => setting(key, value)).join(', ')}`,
    ),
    ...(standing === undefined ? [] : [`       now it ${shown(standingText(standing))}`]),
  ]
}

function placeOf(origin: Setting['origin']): string {
  return origin === undefined ? 'default' : `${origin.file}:${origin.line}`
}

function setting(key: string, value: string): string {
  return `${key} = ${value.replaceAll('\n', ' ')}`
}

export const command = defineCommand({
  description: 'list the tasks in their order, and why other files are not tasks',
  options,
  notes: `Columns: the file and the name of a task, the tasks that must be done before it, how often it may be
tried, how long a try may take, whether the chain fails with it, and whether it starts in another way than
after all tasks before it (free, alone). --verbose shows all settings, where each
comes from, and whether the task would be skipped now.`,
  examples: ['runner list', 'runner list --verbose', 'runner list --json | jq .tasks[].task'],
  action: (options, [directory], env) => list(options, directory, env),
})
