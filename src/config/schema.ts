/*
 * Every key that runner itself reads, as JSON Schema (draft 7): the validator, the types' defaults and the reference
 * page (scripts/reference.ts) come from here. Values are text, as they stand in the file; their kind says what that
 * means (kinds.ts).
 */
import { executor } from './executor-keys.ts'
import { definitions, type Key } from './kinds.ts'
import { remote } from './remote-keys.ts'
import { perTask, runnerOnly, taskOnly } from './runner-keys.ts'
import { server } from './server-keys.ts'

export const serverKeys: Record<string, Key> = server
export const remoteKeys: Record<string, Key> = remote
export const executorKeys: Record<string, Key> = executor
export const runnerKeys: Record<string, Key> = { ...perTask, ...runnerOnly }
export const taskKeys: Record<string, Key> = { ...perTask, ...taskOnly }

export type PerTaskKey = keyof typeof perTask
export type RunnerKey = PerTaskKey | keyof typeof runnerOnly
export type ServerKey = keyof typeof server
export type RemoteKey = keyof typeof remote
export type ExecutorKey = keyof typeof executor
export type TaskKey = PerTaskKey | keyof typeof taskOnly
export const perTaskKeys = Object.keys(perTask) as PerTaskKey[]

/** Sections with a meaning of their own, which no task's section can have. */
export const reservedSections: readonly string[] = ['runner', 'env', 'remote', 'executor', 'server']

const section = (name: string, properties: Record<string, Key>) => ({
  $id: `https://runner.invalid/${name}.json`,
  $schema: 'http://json-schema.org/draft-07/schema#',
  definitions,
  type: 'object',
  properties,
})

export const runnerSchema = section('runner-section', runnerKeys)
export const serverSchema = section('server-section', serverKeys)
export const remoteSchema = section('remote-section', remoteKeys)
export const executorSchema = section('executor-section', executorKeys)
export const taskSchema = section('task-section', taskKeys)
export const envSchema = {
  $id: 'https://runner.invalid/env-section.json',
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  propertyNames: { pattern: '^[^=]+$' },
}
