import { shown } from '../../system/printable.ts'

/** A task and its dependencies, by file names. */
export interface GraphNode {
  file: string
  dependencies: readonly string[]
}

/**
 * The chain as text: one line for each task, in the order in which they run, with an arrow to its
 * dependencies.
 */
export function graphText(tasks: readonly GraphNode[]): string {
  return tasks
    .map(({ file, dependencies }, index) => {
      const after = dependencies.length === 0 ? '' : `  <- ${dependencies.map(shown).join(', ')}`
      return `${String(index + 1).padStart(3)}  ${shown(file)}${after}\n`
    })
    .join('')
}

/** The chain as a Mermaid flow chart: the order as dotted arrows, dependencies as solid ones. */
export function graphMermaid(tasks: readonly GraphNode[]): string {
  const id = (file: string) => `t${tasks.findIndex(task => task.file === file) + 1}`
  const nodes = tasks.map(({ file }) => `  ${id(file)}["${escapeLabel(shown(file))}"]`)
  const order = tasks.slice(1).map(({ file }, index) => `  ${id(tasks[index]!.file)} -.-> ${id(file)}`)
  const needs = tasks.flatMap(({ file, dependencies }) =>
    dependencies.map(other => `  ${id(other)} --> ${id(file)}`),
  )
  return `${['flowchart TD', ...nodes, ...order, ...needs].join('\n')}\n`
}

/** Mermaid reads `#` as the beginning of an entity, and interprets HTML. */
function escapeLabel(text: string): string {
  return text.replace(/["#&<>]/g, character => `#${character.charCodeAt(0)};`)
}
