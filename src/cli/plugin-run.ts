import { randomBytes, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { StringDecoder } from 'node:string_decoder'
import type { ExecutorConfiguration } from '../config/executor-section.ts'
import { type Edges, systemChance, systemClock } from '../edges.ts'
import { exitStatus } from '../exit-status.ts'
import { escaped, jsonText } from '../process/printable.ts'
import { mostSecretBytes } from '../protocol/mask.ts'
import { maskText, showOutput } from '../protocol/mask-output.ts'
import { type InputContext, Submit } from '../protocol/messages.ts'
import { passwordOutputs, secretsOfInput } from '../protocol/secrets.ts'
import { checkOf } from '../protocol/validation.ts'
import { maskOf } from '../remote/job-watch.ts'
import { runPlugin } from '../remote/plugin-run.ts'
import type { Job, JobEnd } from '../remote/spool.ts'
import { JobLog } from '../report/job-log.ts'
import { endedLines, pullText } from '../report/plugin-run.ts'
import { streamOut } from '../report/stream.ts'
import { fail, ok, type Result } from '../result.ts'
import { loadSound, unfitDirectories } from './load-configuration.ts'
import { type DefinitionOptions, definitionOf } from './operator/definition.ts'
import type { GlobalOptions } from './options.ts'
import { beforeSaying, printed, sayError, sayRaw } from './say.ts'
import { catchSignals } from './signals.ts'

export interface PluginRunOptions
  extends GlobalOptions,
    Omit<
      DefinitionOptions,
      'image' | 'capability' | 'runnerGroup' | 'priority' | 'retries' | 'maxQueue' | 'reuse'
    > {
  image: string
  command: string[]
  /** No session key: input and output as plain JSON. */
  plain: boolean
  pull?: ExecutorConfiguration['pull']
  network?: string
  json: boolean
}

/** Seconds between the signal and KILL, where nothing else is said; bytes that an output may have. */
const defaults = { abortTimeout: 30, maxOutput: 33_554_432 }

/** `runner plugin run`: resolves to the exit status. */
export async function pluginRunCommand(options: PluginRunOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const configuration = loadSound(options, env)
  if (configuration === undefined) return exitStatus.config
  const { executor, remote } = configuration
  const unfit = unfitDirectories([remote.state_dir, remote.work_dir], options)
  if (unfit !== undefined) {
    sayError(`runner: ${unfit}\n`)
    return exitStatus.config
  }
  const job = jobOf(options, env)
  if (!job.ok) {
    sayError(`runner: ${job.failure}\n`)
    return exitStatus.usage
  }

  const edges: Edges = { clock: systemClock, chance: systemChance }
  const { pull = executor.pull, network = executor.network } = options
  using signals = catchSignals()
  const gone = new AbortController()
  const out = streamOut(process.stdout, () => gone.abort())
  const log = new JobLog(options.json ? { write: () => {} } : out)
  beforeSaying(() => void log.fresh())
  const decoder = new StringDecoder()
  const tell = (event: string, facts: object) => out.write(`${jsonText({ event, ...facts })}\n`)
  const say = (text: string) => options.quiet !== true && !options.json && sayError(`runner: ${text}\n`)
  const pulling = pullReport(options, text => (process.stderr.isTTY ? sayRaw(text) : undefined))
  const leave = () => {
    sayError('runner: the next `runner plugin run` or `runner doctor` removes what is left of it\n')
    process.exit(interrupted(signals.stop))
  }
  let kill: (() => void) | undefined
  signals.stop.addEventListener('abort', () =>
    kill === undefined
      ? say('it will not be started; Ctrl-C once more leaves at once')
      : say('it is asked to end; Ctrl-C once more kills it'),
  )
  signals.hurry.addEventListener('abort', () => (kill ?? leave)())
  signals.leave.addEventListener('abort', leave)
  gone.signal.addEventListener('abort', () => say('nobody reads its log any more: it is asked to end'))
  const ended = await runPlugin({
    job: job.value,
    settings: { ...executor, pull, network },
    ...{ stateDir: remote.state_dir, workDir: remote.work_dir },
    ...{ env, edges, stop: AbortSignal.any([signals.stop, gone.signal]) },
    onOrdered: end => {
      kill = end
    },
    onPull: progress => void (options.json ? tell('image:pull', progress) : pulling(pullText(progress))),
    onStarted: () => void (options.json && tell('job:started', { execution_id: job.value.execution_id })),
    onLeft: message => void sayError(`runner: something is left behind: ${escaped(message)}\n`),
    onLog: (bytes, offset) => {
      const shown = log.write(bytes)
      return options.json ? tell('job:log', { offset, text: decoder.write(bytes) }) : shown
    },
  })
  await log.end()
  await printed()
  if (!ended.ok) {
    if (options.json) tell('job:not-run', { message: ended.failure })
    sayError(`runner: it has not been run: ${escaped(ended.failure)}\n`)
    return signals.stop.aborted ? interrupted(signals.stop) : exitStatus.unavailable
  }
  const passwords = job.value.input === undefined ? new Set<string>() : passwordOutputs(job.value.input)
  const mask = maskOf(job.value)
  const output = ended.value.output && (await showOutput(ended.value.output, passwords, mask))
  const end = { ...ended.value, output }
  const statusLine = log.statusLine === undefined ? undefined : maskText(log.statusLine, mask)
  if (options.json) {
    // A log that ends within a character.
    const text = decoder.end()
    if (text !== '') tell('job:log', { offset: end.log_length, text })
    const comments = log.comments.map(comment => maskText(comment, mask))
    tell('job:ended', { ...end, comments, status_line: statusLine ?? null })
  } else for (const line of endedLines(end, statusLine)) say(line)
  return statusOf(end, signals.stop)
}

function pullReport({ quiet }: PluginRunOptions, write: (text: string) => void): (text: string) => void {
  let said = ''
  return text => {
    if (quiet || text === said) return
    said = text
    write(`\r\x1b[Krunner: ${escaped(text)}\r\x1b[K`)
  }
}

/** Its own exit code; where it has none from 1 to 255, 1. */
function statusOf({ outcome, exit_code }: JobEnd, stop: AbortSignal): number {
  if (outcome === 'succeeded') return exitStatus.ok
  if (outcome === 'aborted') return stop.aborted ? interrupted(stop) : exitStatus.jobAborted
  return exit_code !== null && exit_code >= 1 && exit_code <= 255 ? exit_code : exitStatus.jobFailed
}

const interrupted = ({ reason }: AbortSignal): number =>
  exitStatus.interrupted[reason as 'SIGINT' | 'SIGTERM']

/** What is to be run, from the command line alone. */
function jobOf(options: PluginRunOptions, env: NodeJS.ProcessEnv): Result<Job, string> {
  const given = definitionOf({ ...options, capability: [] }, options.command, env)
  if (!given.ok) return given
  const { name: _, ...definition } = given.value
  const wrong = checkOf('definition', Submit)(definition)
  if (wrong !== undefined) return fail(wrong)
  const { image, input, command, args, secret_env = {} } = definition
  const secrets = new Set([
    ...Object.values(secret_env),
    ...(input === undefined ? [] : secretsOfInput(input)),
  ])
  const secretBytes = [...secrets].reduce((sum, secret) => sum + Buffer.byteLength(secret), 0)
  if (secretBytes > mostSecretBytes)
    return fail(`the secrets have ${secretBytes} bytes together; ${mostSecretBytes} are the most`)
  const { max_time_seconds = 0, abort_timeout_seconds = defaults.abortTimeout, abort_signal } = definition
  if (input === undefined && command === undefined)
    return fail(
      'say what to run: --type prefix.ClassName for the task of a plugin, or a command of the image behind --',
    )
  const execution_id = randomUUID()
  return ok({
    execution_id,
    kind: input === undefined ? 'command' : 'plugin',
    image,
    runner_group: 'default',
    ...(command === undefined ? {} : { command }),
    ...(args === undefined ? {} : { args }),
    env: definition.env ?? {},
    secret_env,
    ...(input === undefined ? {} : { input: wholeInput(input, execution_id) }),
    secrets: [],
    session_key: input === undefined || options.plain ? '' : randomBytes(32).toString('base64'),
    release_url: `http://${hostname()}`,
    max_time_seconds,
    abort_timeout_seconds,
    ...(abort_signal === undefined ? {} : { abort_signal }),
    max_output_bytes: defaults.maxOutput,
  })
}

/** An input with all that the plugins' SDKs look for. */
function wholeInput(input: InputContext, id: string): InputContext {
  const { release, task } = input
  const user = filled(release?.automatedTaskAsUser ?? {}, { username: null, password: null })
  return {
    ...input,
    release: { ...filled(release ?? {}, { id: 'Applications/Release0' }), automatedTaskAsUser: user },
    task: filled(task, { id }),
  }
}

/** An object with defaults for what is not in it; what is stays where it is. */
function filled<T extends object>(given: T, defaults: Partial<T>): T {
  const missing = Object.entries(defaults).filter(([key]) => !Object.hasOwn(given, key))
  return { ...given, ...Object.fromEntries(missing) }
}
