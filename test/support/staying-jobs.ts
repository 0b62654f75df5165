/* Jobs for plugins that stay: for staying-plugin.mjs, and for its twins that are made with the SDKs of Python and Go. */
import { taskInput } from './executors.ts'

/** A secret that nobody may see. */
export const password = 's3cr3t-w0rd'

/** The job of such a plugin. */
export interface Asked {
  name: string
  /** Where it says that it begins. */
  witness?: string
  /** Seconds that it takes. */
  wait?: number
  /** Bytes of an output. */
  size?: number
  /** Whether it leaves a process behind. */
  fork?: boolean
  /** Whether its process takes no other job. */
  deaf?: boolean
  /** The status with which its process ends after it. */
  exit?: number
}

/** The input of a job. The plugin of the tests takes values that no property of an SDK has: hence the cast. */
export const inputOf = (asked: Asked) => taskInput('test.Any', { ...asked } as never, { password })

/** A line that the SDK of Python or of Go writes by itself. */
const ofSdk = /^(\d{4}-\d\d-\d\d [\d:.]+ [A-Z]+ \[|[IWEF]\d{4} [\d:.]+ +\d+ [\w-]+\.go:\d+\] )/

/** The fault of a job that has succeeded: its log or one of its outputs is not its own; undefined: none. */
export function faultOf(asked: Asked, outputs: Record<string, unknown>, log: string): string | undefined {
  const { name, wait, size = 0, exit } = asked
  const lines = log.split('\n').filter(line => line !== '' && !ofSdk.test(line))
  const wanted = [
    `job ${name} with *`,
    ...(wait === undefined ? [] : ['waiting']),
    ...(exit === undefined ? [`end of ${name}`] : []),
  ]
  if (lines.join('\n').replace(/\*+$/m, '*') !== wanted.join('\n'))
    return `its log is ${JSON.stringify(log.slice(0, 2000))}`
  if (JSON.stringify(outputs).includes(password)) return 'its secret is in its outputs'
  if (outputs.greeting !== `Hello ${name}`) return `it greets ${outputs.greeting}`
  if (outputs.again !== '*'.repeat(password.length)) return `its secret output is ${outputs.again}`
  const filling = String(outputs.filling ?? '')
  return filling === 'x'.repeat(size) ? undefined : `its output has ${filling.length} of ${size} bytes`
}
