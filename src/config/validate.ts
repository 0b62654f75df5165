import { Ajv } from 'ajv'
import { envSchema, executorSchema, remoteSchema, runnerSchema, serverSchema, taskSchema } from './schema.ts'

interface Validator {
  (value: unknown): unknown
  errors?: null | { instancePath: string; propertyName?: string }[]
}

/*
 * The build replaces the three lines below by code that ajv made of the same schemas (scripts/build.ts), so that
 * a start compiles nothing and the program carries no compiler.
 */
const ajv = new Ajv({ allErrors: true })
const validators: Record<SectionKind, Validator> = {
  runner: ajv.compile(runnerSchema),
  task: ajv.compile(taskSchema),
  env: ajv.compile(envSchema),
  server: ajv.compile(serverSchema),
  remote: ajv.compile(remoteSchema),
  executor: ajv.compile(executorSchema),
}

export type SectionKind = 'runner' | 'task' | 'env' | 'server' | 'remote' | 'executor'

/** The keys of a section whose texts break its schema. */
export function validateSection(kind: SectionKind, values: Record<string, string>): string[] {
  const validator = validators[kind]
  if (validator(values)) return []
  const keys = (validator.errors ?? []).map(
    ({ instancePath, propertyName }) => propertyName ?? keyAt(instancePath),
  )
  return [...new Set(keys)]
}

/** The key that a JSON pointer of one step names (RFC 6901). */
function keyAt(pointer: string): string {
  return pointer.slice(1).replaceAll('~1', '/').replaceAll('~0', '~')
}
