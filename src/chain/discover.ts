import { readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Diagnostic } from '../config/diagnostic.ts'
import { isLeftover } from '../config/leftover.ts'
import { errorCode, errorText } from '../result.ts'
import { shown } from '../system/printable.ts'
import { buildRunnerName, taskName } from './names.ts'

/** One file of the task directory that is a task. */
export interface Task {
  /** The file name, by which tasks are ordered and hooks know them. */
  file: string
  name: string
  /** The name that build-runner gave it. */
  alias: string
  path: string
}

/** A file of the task directory that is not a task, and the reason. */
export interface Skipped {
  file: string
  because: string
}

export interface Discovery {
  /** In the order of their names' bytes. */
  tasks: Task[]
  skipped: Skipped[]
  findings: Diagnostic[]
}

/** Lists the tasks of a directory; the file at the path `halt` is not a task. */
export function discover(directory: string, halt: string): Discovery {
  let names: Buffer[]
  try {
    names = readdirSync(directory, { encoding: 'buffer' })
  } catch (error) {
    const message = `the task directory cannot be read: ${errorText(error)}`
    const other = 'name another one on the command line, or set task_dir in [runner]'
    const hint = errorCode(error) === 'ENOENT' ? `make it, ${other}` : other
    const finding: Diagnostic = {
      severity: 'error',
      reason: 'task-dir-unreadable',
      file: directory,
      message,
      hint,
    }
    return { tasks: [], skipped: [], findings: [finding] }
  }
  const haltFile = dirname(halt) === directory ? basename(halt) : undefined
  const findings: Diagnostic[] = []
  const tasks: Task[] = []
  const skipped: Skipped[] = []
  for (const bytes of names.sort(Buffer.compare)) {
    const file = bytes.toString()
    const because = whyNoTask(file, haltFile)
    if (because !== undefined) skipped.push({ file, because })
    else if (!Buffer.from(file).equals(bytes)) findings.push(notUtf8(directory, file))
    else tasks.push({ file, name: taskName(file), alias: buildRunnerName(file), path: join(directory, file) })
  }
  return {
    tasks,
    skipped,
    findings: [
      ...findings,
      ...sameNames(directory, tasks),
      ...prefixWidths(directory, tasks),
      ...tasks.flatMap(document),
    ],
  }
}

function whyNoTask(file: string, haltFile: string | undefined): string | undefined {
  if (file === haltFile) return 'it is the halt task'
  if (file.startsWith('.')) return 'its name begins with a dot'
  if (isLeftover(file)) return 'its ending is that of what editors and package managers leave behind'
  return undefined
}

function notUtf8(directory: string, file: string): Diagnostic {
  const message = `the name of the file ${JSON.stringify(file)} is not UTF-8`
  return { severity: 'error', reason: 'name-not-utf-8', file: directory, message, hint: 'rename it' }
}

function sameNames(directory: string, tasks: readonly Task[]): Diagnostic[] {
  return [...Map.groupBy(tasks, task => task.name)]
    .filter(([, group]) => group.length > 1)
    .map(([name, group]) => ({
      severity: 'error',
      reason: 'same-name',
      file: directory,
      message: `${group.map(task => shown(task.file)).join(' and ')} have the same name, ${shown(name)}`,
      hint: 'rename all but one: a name is the file name less its leading number and its last suffix',
    }))
}

/** A warning of a document that a copy has made executable: it would run as a task. */
function document({ file, path }: Task): Diagnostic[] {
  if (!/^(?:readme|license|changelog|copying)\b|\.(?:md|txt|rst|html?|pdf)$/i.test(file)) return []
  const message = 'by its name this is a document, and it counts as a task'
  const hint = 'move it out of the task directory, or let its name begin with a dot'
  return [{ severity: 'warning', reason: 'document', file: path, message, hint }]
}

/** `10-x` comes before `2-y`: right by bytes, and seldom intended. */
function prefixWidths(directory: string, tasks: readonly Task[]): Diagnostic[] {
  const numbered = tasks.flatMap(({ file }) => {
    const number = /^[0-9]+(?=-)/.exec(file)?.[0]
    return number === undefined ? [] : [{ file, number: BigInt(number) }]
  })
  const at = numbered.findIndex(({ number }, index) => number < (numbered[index - 1]?.number ?? 0n))
  if (at === -1) return []
  const [one, other] = [numbered[at - 1]!.file, numbered[at]!.file]
  const message = `numbers of different width: names are ordered as text, so ${one} comes before ${other}`
  const hint = 'give all numbers the same width, such as 02- and 10-'
  return [{ severity: 'warning', reason: 'prefix-width', file: directory, message, hint }]
}
