import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fail, ok, type Result } from '../result.ts'
import type { Diagnostic } from './diagnostic.ts'
import { nearest, oneEditAway } from './did-you-mean.ts'
import { checkExecutor, type ExecutorConfiguration, executorConfiguration } from './executor-section.ts'
import { type Key, kindOf, kindTexts } from './kinds.ts'
import { checkRemote, type RemoteConfiguration, remoteConfiguration } from './remote-section.ts'
import {
  executorKeys,
  type PerTaskKey,
  type RunnerKey,
  remoteKeys,
  runnerKeys,
  serverKeys,
  type TaskKey,
  taskKeys,
} from './schema.ts'
import { checkServer, type ServerConfiguration, serverConfiguration } from './server-section.ts'
import { readSources, type Sources } from './sources.ts'
import { validateSection } from './validate.ts'
import { splitWords } from './words.ts'

/** Where a value stands. */
export interface Origin {
  file: string
  /** 1-based. */
  line: number
}

/** A value in force, as text; without an origin it is the default. */
export interface Setting {
  value: string
  origin?: Origin
}

/** What tries of one task go by. */
export interface TrySettings {
  max_time: number
  max_tries: number
  sleep_time: number
  retry_jitter: number
  backoff: number
  kill_grace: number
  /** Words of the command to run it with; empty where the file itself is run. */
  interpreter: string[]
}

export interface TaskSettings extends TrySettings {
  /** As written: file names, names or build-runner's names. */
  depends_on: string[]
  required: boolean
}

export interface RunnerSettings extends TrySettings {
  retry_from: 'beginning' | 'failed'
  compatible: boolean
  halt_task: string
  task_hook: string[]
  hook_time: number
  task_dir: string
  state_dir: string
  keep_runs: number
  min_free: number
  log_limit: number
  resume_across_boots: boolean
  reboot_command: string[]
  max_reboots: number
  /** Absent where no metrics are asked for. */
  metrics_file?: string
}

/** A validated configuration: typed settings, the environment for tasks, and where everything stands. */
export interface Configuration {
  /** The main file, absolute; absent where there is none. */
  file?: string
  /** All files, absolute, in the order in which they count. */
  files: string[]
  runner: RunnerSettings
  server: ServerConfiguration
  remote: RemoteConfiguration
  executor: ExecutorConfiguration
  /** `[env]`. */
  env: Record<string, string>
  /** The text in force of each key of `[runner]` that has a value. */
  texts: Map<string, Setting>
  /** Names of all sections, in order of first appearance. */
  sections: string[]
  /** The entries of one section. */
  section(name: string): ReadonlyMap<string, Setting>
  /** What a task's sections make of the settings; the first section that has a key wins. */
  task(sections: readonly string[]): TaskConfiguration
  /** All complaints; with an error among them nothing may run, and what is wrong counts as not set. */
  findings: Diagnostic[]
}

export interface TaskConfiguration {
  settings: TaskSettings
  /** The texts in force. */
  texts: Map<string, Setting>
  findings: Diagnostic[]
}

/** Reads and validates a configuration. No file: the defaults. It fails only where the file cannot be read. */
export function loadConfiguration(
  file: string | undefined,
  env: NodeJS.ProcessEnv,
): Result<Configuration, Diagnostic[]> {
  if (file === undefined) return ok(build(undefined, undefined, env))
  const main = resolve(file)
  const sources = readSources(main)
  return sources.ok ? ok(build(main, sources.value, env)) : fail([sources.failure])
}

function build(
  main: string | undefined,
  sources: Sources | undefined,
  env: NodeJS.ProcessEnv,
): Configuration {
  const section = (name: string): ReadonlyMap<string, Setting> => {
    const entries = sources?.section(name) ?? new Map()
    return new Map(
      [...entries].map(([key, { value, file, line }]) => [key, { value, origin: { file, line } }]),
    )
  }
  const base = main ?? resolve('runner.cfg')
  const runner = checkValues('runner', section('runner'))
  const server = checkValues('server', section('server'))
  const remote = checkValues('remote', section('remote'))
  const executor = checkValues('executor', section('executor'))
  const envSection = section('env')
  const names = sources?.sections() ?? []
  const texts = new Map<string, Setting>()
  for (const [key, { default: value }] of Object.entries(runnerKeys))
    if (value !== undefined) texts.set(key, { value })
  texts.set('state_dir', { value: defaultStateDir(env) })
  for (const [key, setting] of runner.valid) texts.set(key, setting)
  const settings = runnerSettings(texts, base)

  return {
    ...(main === undefined ? {} : { file: main }),
    files: sources?.files ?? [],
    runner: settings,
    server: serverConfiguration(server.valid, settings.state_dir, base, parseSize),
    remote: remoteConfiguration(remote.valid, settings.state_dir, base, env),
    executor: executorConfiguration(executor.valid, base, parseSize),
    env: Object.fromEntries([...envSection].map(([key, { value }]) => [key, value])),
    texts,
    sections: names,
    section,
    task(sections) {
      const checked = sections.map(name => checkValues('task', section(name)))
      const findings = checked.flatMap(({ findings }) => findings)
      return {
        ...taskSettings(
          checked.map(({ valid }) => valid),
          texts,
          base,
        ),
        findings,
      }
    },
    findings: [
      ...(sources?.findings ?? []),
      ...runner.findings,
      ...checkKeys('runner', runnerKeys, section('runner')),
      ...server.findings,
      ...checkServer(server.valid),
      ...checkKeys('server', serverKeys, section('server')),
      ...remote.findings,
      ...checkRemote(remote.valid, env),
      ...checkKeys('remote', remoteKeys, section('remote')),
      ...executor.findings,
      ...checkExecutor(executor.valid, parseSize),
      ...checkKeys('executor', executorKeys, section('executor')),
      ...checkEnv(envSection),
      ...checkSectionNames(names, section),
    ],
  }
}

function defaultStateDir(env: NodeJS.ProcessEnv): string {
  if (process.getuid?.() === 0) return '/var/lib/runner'
  return join(env.XDG_STATE_HOME || join(home(), '.local', 'state'), 'runner')
}

/** The home directory; nowhere for a user who has none, as in many containers. */
function home(): string {
  try {
    return homedir()
  } catch {
    return '/nonexistent'
  }
}

/** Typed reading of texts that have been validated. */
function reader(texts: ReadonlyMap<string, Setting>, base: string) {
  const text = (key: RunnerKey | TaskKey) => texts.get(key)?.value ?? ''
  const folder = (key: string) => dirname(texts.get(key)?.origin?.file ?? base)
  return {
    text,
    number: (key: RunnerKey | TaskKey) => Number(text(key)),
    path: (key: RunnerKey) => resolve(folder(key), text(key)),
    size: (key: RunnerKey) => parseSize(text(key)),
    command(key: RunnerKey): string[] {
      const words = splitWords(text(key))
      const [program, ...rest] = words.ok ? words.value : []
      if (program === undefined) return []
      return [program.includes('/') ? resolve(folder(key), program) : program, ...rest]
    },
  }
}

function trySettings(read: ReturnType<typeof reader>): TrySettings {
  return {
    max_time: read.number('max_time'),
    max_tries: read.number('max_tries'),
    sleep_time: read.number('sleep_time'),
    retry_jitter: read.number('retry_jitter'),
    backoff: read.number('backoff'),
    kill_grace: read.number('kill_grace'),
    interpreter: read.command('interpreter'),
  }
}

function runnerSettings(texts: ReadonlyMap<string, Setting>, base: string): RunnerSettings {
  const read = reader(texts, base)
  return {
    ...trySettings(read),
    retry_from: read.text('retry_from') === 'failed' ? 'failed' : 'beginning',
    compatible: read.text('compatible') === 'yes',
    halt_task: read.text('halt_task'),
    task_hook: read.command('task_hook'),
    hook_time: read.number('hook_time'),
    task_dir: read.path('task_dir'),
    state_dir: read.path('state_dir'),
    keep_runs: read.number('keep_runs'),
    min_free: read.size('min_free'),
    log_limit: read.size('log_limit'),
    resume_across_boots: read.text('resume_across_boots') === 'yes',
    reboot_command: read.command('reboot_command'),
    max_reboots: read.number('max_reboots'),
    ...(texts.has('metrics_file') ? { metrics_file: read.path('metrics_file') } : {}),
  }
}

function taskSettings(
  sections: ReadonlyMap<string, Setting>[],
  runner: ReadonlyMap<string, Setting>,
  base: string,
): { settings: TaskSettings; texts: Map<string, Setting> } {
  const texts = new Map<string, Setting>()
  for (const [key, { default: preset }] of Object.entries(taskKeys)) {
    const own = sections.find(section => section.has(key))?.get(key)
    const setting =
      own ?? runner.get(key as PerTaskKey) ?? (preset === undefined ? undefined : { value: preset })
    // `depends_on` and `required` mean nothing in [runner].
    if (setting !== undefined) texts.set(key, own ?? (key in runnerKeys ? setting : { value: preset ?? '' }))
  }
  const read = reader(texts, base)
  const names = read.text('depends_on').split(/[,\n]/)
  const settings = {
    ...trySettings(read),
    depends_on: names.map(name => name.trim()).filter(name => name !== ''),
    required: read.text('required') !== 'no',
  }
  return { settings, texts }
}

const units: Record<string, number> = { k: 1024, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }

function parseSize(text: string): number {
  return Number.parseInt(text, 10) * (units[text.at(-1) ?? ''] ?? 1)
}

/** The values of a section that have the form of their kind, and complaints about the others. */
function checkValues(
  kind: 'runner' | 'task' | 'server' | 'remote' | 'executor',
  entries: ReadonlyMap<string, Setting>,
) {
  const keys = {
    runner: runnerKeys,
    task: taskKeys,
    server: serverKeys,
    remote: remoteKeys,
    executor: executorKeys,
  }[kind]
  const findings: Diagnostic[] = []
  const valid = new Map(entries)
  const complain = (key: string, message: string, hint: string) => {
    valid.delete(key)
    findings.push({ severity: 'error', reason: 'value-invalid', ...entries.get(key)?.origin, message, hint })
  }
  const values = Object.fromEntries([...entries].map(([key, { value }]) => [key, value]))
  for (const key of validateSection(kind, values)) {
    const text = kindTexts[kindOf(keys[key]!)]
    complain(key, `${key} is ${JSON.stringify(values[key])}; it must be ${text}`, hintFor(key, keys))
  }
  for (const [key, { value }] of entries) {
    const form = keys[key] === undefined ? undefined : kindOf(keys[key])
    const words = form === 'command' ? splitWords(value) : undefined
    if (words?.ok === false)
      complain(key, `${key} cannot be split into words: ${words.failure}`, 'close each quote')
    if (form === 'path' && value === '' && key !== 'include_dir')
      complain(key, `${key} is empty`, `write a path, or leave ${key} out`)
  }
  return { valid, findings }
}

function hintFor(key: string, keys: Record<string, Key>): string {
  const preset = keys[key]?.default
  return preset === undefined ? `leave ${key} out if you do not need it` : `the default is ${preset}`
}

function checkKeys(
  section: 'runner' | 'server' | 'remote' | 'executor',
  keys: Record<string, Key>,
  entries: ReadonlyMap<string, Setting>,
): Diagnostic[] {
  const findings: Diagnostic[] = []
  const known = Object.keys(keys)
  for (const [key, { origin }] of entries) {
    if (known.includes(key)) continue
    const typo = known.find(candidate => oneEditAway(key, candidate))
    const misplaced = section === 'runner' && key in taskKeys
    const guess = typo ?? nearest(key, known)
    findings.push({
      severity: typo === undefined ? 'warning' : 'error',
      reason: 'key-unknown',
      ...origin,
      message: `[${section}] has no key ${key}`,
      ...(misplaced
        ? { hint: `${key} belongs into the section of a task, such as [name-of-the-task]` }
        : guess === undefined
          ? {}
          : { hint: `did you mean ${guess}?` }),
    })
  }
  return findings
}

/** What runner itself puts into the environment of tasks and hooks. */
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

function checkEnv(entries: ReadonlyMap<string, Setting>): Diagnostic[] {
  const findings: Diagnostic[] = []
  for (const key of validateSection('env', Object.fromEntries([...entries].map(([key]) => [key, '']))))
    findings.push({
      severity: 'error',
      reason: 'env-invalid',
      ...entries.get(key)!.origin,
      message: `${JSON.stringify(key)} cannot be the name of an environment variable`,
      hint: 'a name has no = in it',
    })
  for (const [key, { origin }] of entries)
    if (ownVariables.includes(key))
      findings.push({
        severity: 'warning',
        reason: 'env-overruled',
        ...origin,
        message: `${key} is set by runner itself; this value never reaches a task`,
        hint: 'choose another name',
      })
  return findings
}

function checkSectionNames(
  sections: readonly string[],
  section: (name: string) => ReadonlyMap<string, Setting>,
): Diagnostic[] {
  return sections.flatMap(name => {
    const meant = ['runner', 'env', 'server', 'remote', 'executor'].find(known => oneEditAway(name, known))
    const first = [...section(name).values()][0]?.origin
    if (meant === undefined || sections.includes(meant)) return []
    const message = `[${name}] is a section for tasks to look up; runner does not read it`
    return [
      { severity: 'warning', reason: 'section-unknown', ...first, message, hint: `did you mean [${meant}]?` },
    ]
  })
}
