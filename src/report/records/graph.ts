import { shown } from '../../system/printable.ts'

/** A task and the tasks for which it waits, by file names. */
export interface GraphNode {
  file: string
  dependencies: readonly string[]
  settings: { order: 'name' | 'free'; exclusive: boolean }
}

/**
 * The chain as text: one line for each task, in the order of the chain, with an arrow to its dependencies.
 */
export function graphText(tasks: readonly GraphNode[]): string {
  return tasks
    .map(({ file, dependencies, settings }, index) => {
      const after = dependencies.length === 0 ? '' : `  <- ${dependencies.map(shown).join(', ')}`
      const start = startWords(settings)
      const words = start === '' ? '' : `  (${start})`
      return `${String(index + 1).padStart(3)}  ${shown(file)}${words}${after}\n`
    })
    .join('')
}

/** The words for the start of a task, if it is not the default. */
export function startWords({ order, exclusive }: GraphNode['settings']): string {
  return [...(order === 'free' ? ['free'] : []), ...(exclusive ? ['alone'] : [])].join(', ')
}

/** The chain as a Mermaid flow chart: the order as dotted arrows, dependencies as solid ones. */
export function graphMermaid(tasks: readonly GraphNode[]): string {
  const id = (file: string) => `t${tasks.findIndex(task => task.file === file) + 1}`
  const nodes = tasks.map(({ file }) => `  ${id(file)}["${escapeLabel(shown(file))}"]`)
  const order = orderArrows(tasks).map(([before, file]) => `  ${id(before)} -.-> ${id(file)}`)
  const needs = tasks.flatMap(({ file, dependencies }) =>
    dependencies.map(other => `  ${id(other)} --> ${id(file)}`),
  )
  return `${['flowchart TD', ...nodes, ...order, ...needs].join('\n')}\n`
}

/**
 * Pairs of which the second task waits for the first by the order of the chain, without those that follow
 * from the others and from the dependencies.
 */
function orderArrows(tasks: readonly GraphNode[]): [before: string, file: string][] {
  const arrows: [string, string][] = []
  /** The tasks so far for which no later one waits. */
  let open: string[] = []
  for (const { file, dependencies, settings } of tasks) {
    const waitsFor = settings.order === 'free' ? dependencies : open
    if (settings.order === 'name') for (const before of open) arrows.push([before, file])
    open = [...open.filter(before => !waitsFor.includes(before)), file]
  }
  return arrows
}

/** Mermaid reads `#` as the beginning of an entity, and interprets HTML. */
function escapeLabel(text: string): string {
  return text.replace(/["#&<>]/g, character => `#${character.charCodeAt(0)};`)
}
