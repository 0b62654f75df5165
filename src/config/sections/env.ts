import type { Diagnostic } from '../diagnostic.ts'
import { defineSection, type Entries } from '../section.ts'

/** `[env]`: any key is the name of a variable. */
export const env = defineSection({
  about: 'The environment of every task and hook.',
  keys: {},
  open: true,
  settings: (_, { entries }): Record<string, string> =>
    Object.fromEntries([...entries].map(([key, { value }]) => [key, value])),
  check,
})

/** The variables that runner itself puts into the environment of tasks and hooks. */
export const ownVariables: readonly string[] = [
  'CONFIG_CMD',
  'TASK',
  'TASK_FILE',
  'TRY',
  'RUN_ID',
  'TRY_ID',
  'HOOK',
  'HOOK_ID',
].map(name => `RUNNER_${name}`)

function check(entries: Entries): Diagnostic[] {
  const keys = [...entries].map(([key, { origin }]) => ({ key, origin }))
  const invalid = keys.filter(({ key }) => key === '' || key.includes('='))
  const overruled = keys.filter(({ key }) => ownVariables.includes(key))
  return [
    ...invalid.map(({ key, origin }) => ({
      severity: 'error' as const,
      reason: 'env-invalid',
      ...origin,
      message: `${JSON.stringify(key)} cannot be the name of an environment variable`,
      hint: 'a name has no = in it',
    })),
    ...overruled.map(({ key, origin }) => ({
      severity: 'warning' as const,
      reason: 'env-overruled',
      ...origin,
      message: `${key} is set by runner itself; this value never reaches a task`,
      hint: 'choose another name',
    })),
  ]
}
