import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import type { Told } from './run.ts'

let schema: ValidateFunction | undefined

/** The violations of the published schema of the events in one event. */
function schemaProblems(event: Told): string[] {
  const file = resolve(import.meta.dirname, '..', '..', 'docs', 'reference', 'events.schema.json')
  schema ??= new Ajv({ strict: false }).compile(JSON.parse(readFileSync(file, 'utf8')))
  return schema(event) ? [] : (schema.errors ?? []).map(error => `${error.instancePath} ${error.message}`)
}

/** Processes in the background may still write when the run has ended. */
const anywhere = new Set<Told['event']>(['notice', 'run:stopping', 'try:output'])

/**
 * The problems with the stream of events of a program that has ended by itself: each run begins and ends,
 * each try and each hook that starts ends exactly once, and before anything else starts unless that is of
 * another task of a run that may have several under way, and nothing follows the end.
 */
export function streamProblems(events: readonly Told[]): string[] {
  const problems: string[] = []
  let inRun = false
  let parallel = 1
  /** The open tries by task. */
  const open = new Map<string, string>()
  for (const [at, event] of events.entries()) {
    const complain = (what: string) => problems.push(`event ${at}: ${event.event}: ${what}`)
    for (const problem of schemaProblems(event)) complain(problem)
    const { event: kind } = event
    if (kind === 'run:started') {
      if (inRun) complain('a run has begun in a run')
      inRun = true
      parallel = event.parallel ?? 1
    } else if (!inRun && !anywhere.has(kind)) complain('outside of a run')
    if (kind === 'try:started' || kind === 'hook:started') {
      const before = open.get(event.task)
      if (before !== undefined) complain(`${before} has not ended`)
      if (open.size >= (event.kind === 'halt' ? 1 : parallel)) complain(`beside ${[...open.values()].join()}`)
      open.set(event.task, keyOf(event))
    }
    if (kind === 'try:limit' && open.get(event.task) !== keyOf(event)) complain('of a try that does not run')
    if (kind === 'try:ended' || kind === 'hook:ended') {
      if (open.get(event.task) !== keyOf(event)) complain('of a try that does not run')
      open.delete(event.task)
    }
    if (kind === 'run:ended') {
      for (const one of open.values()) complain(`${one} has not ended`)
      inRun = false
    }
  }
  if (inRun) problems.push('the last run has not ended')
  return problems
}

function keyOf(event: { task: string; kind: string; try_num: number; hook?: string }): string {
  const { task, kind, try_num, hook = '' } = event
  return `${kind} ${task}, try ${try_num} ${hook}`
}
