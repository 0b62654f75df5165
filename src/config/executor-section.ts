import { dirname, resolve } from 'node:path'
import type { Diagnostic } from './diagnostic.ts'
import { crossing } from './image-patterns.ts'
import type { Setting } from './load.ts'
import { type ExecutorKey, executorKeys } from './schema.ts'

export type Reuse = 'domain' | 'job' | 'never'

/** `[executor]`, with every path absolute. */
export interface ExecutorConfiguration {
  /** Absent: DOCKER_HOST, or the socket that is there. */
  docker_host?: string
  /** Patterns of the images that may run. */
  images: string[]
  /** Which job may get a container that has had another one: of its trust domain, the same job of it, none. */
  reuse: Reuse
  max_jobs_per_executor: number
  pull: 'missing' | 'always' | 'never'
  /** Bytes. */
  memory: number
  cpus: number
  pids: number
  network: string
  /** Absent: the image's. */
  user?: string
  read_only: boolean
  cap_add: string[]
  registry_auth_file?: string
  /** Bytes. */
  disk_limit: number
  /** Bytes. */
  log_limit: number
  /** What the engine's host calls the work directory; absent where it is the same. */
  host_work_dir?: string
}

/** The settings of executors: texts that are valid, and defaults. `base` is the file that defaults are relative to. */
export function executorConfiguration(
  entries: ReadonlyMap<string, Setting>,
  base: string,
  sizeOf: (text: string) => number,
): ExecutorConfiguration {
  const text = (key: ExecutorKey) => entries.get(key)?.value ?? executorKeys[key]?.default ?? ''
  const optional = <K extends ExecutorKey>(key: K, value = text(key)) =>
    (entries.has(key) ? { [key]: value } : {}) as { [P in K]?: string }
  const names = (key: ExecutorKey) => listOf(text(key))
  const authFile = resolve(
    dirname(entries.get('registry_auth_file')?.origin?.file ?? base),
    text('registry_auth_file'),
  )
  return {
    ...optional('docker_host'),
    images: names('images'),
    reuse: text('reuse') as Reuse,
    max_jobs_per_executor: Number(text('max_jobs_per_executor')),
    pull: text('pull') as ExecutorConfiguration['pull'],
    memory: sizeOf(text('memory')),
    cpus: Number(text('cpus')),
    pids: Number(text('pids')),
    network: text('network'),
    ...optional('user'),
    read_only: text('read_only') === 'yes',
    cap_add: names('cap_add'),
    ...optional('registry_auth_file', authFile),
    disk_limit: sizeOf(text('disk_limit')),
    log_limit: sizeOf(text('log_limit')),
    ...optional('host_work_dir'),
  }
}

const listOf = (text: string): string[] =>
  text
    .split(/[,\n]/)
    .map(name => name.trim())
    .filter(name => name !== '')

/** The least memory that engines take. */
const leastMemory = 6 * 1024 * 1024

/** What no pattern can say about the values of `[executor]`. */
export function checkExecutor(
  entries: ReadonlyMap<string, Setting>,
  sizeOf: (text: string) => number,
): Diagnostic[] {
  const findings: Diagnostic[] = []
  const complain = (key: ExecutorKey, message: string, hint: string) =>
    findings.push({ severity: 'error', reason: 'value-invalid', ...entries.get(key)?.origin, message, hint })
  const value = (key: ExecutorKey) => entries.get(key)?.value

  const memory = value('memory')
  if (memory !== undefined && sizeOf(memory) < leastMemory)
    complain('memory', `memory is ${memory}; engines take no less than 6M`, 'the default is 2G')
  if (value('cpus') !== undefined && Number(value('cpus')) < 0.01)
    complain('cpus', `cpus is ${value('cpus')}; engines take no less than 0.01`, 'the default is 2')
  if (value('host_work_dir')?.startsWith('/') === false)
    complain(
      'host_work_dir',
      `host_work_dir is ${value('host_work_dir')}; it is a path of another machine, and must be absolute`,
      'write it from the / on',
    )
  if (value('images')?.replace(/[,\s]/g, '') === '')
    complain('images', 'images allows no image at all', 'write patterns, or leave it out: * is the default')
  for (const pattern of listOf(value('images') ?? '')) {
    const wider = crossing(pattern)
    if (wider === undefined) continue
    const message = `images has ${pattern}: * stands for no slash any more, as it did in 0.1.0`
    const hint = `write ${wider} where it is to allow names with more slashes; it is right as it is where it is not`
    findings.push({
      severity: 'notice',
      reason: 'pattern-narrower',
      ...entries.get('images')?.origin,
      message,
      hint,
    })
  }
  return findings
}
