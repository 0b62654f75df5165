import { randomBytes, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { StringDecoder } from 'node:string_decoder'
import { type Edges, systemChance, systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { mostSecretBytes } from '../../protocol/mask/mask.ts'
import { maskText, showOutput } from '../../protocol/mask/mask-output.ts'
import { passwordOutputs, secretsOfInput } from '../../protocol/mask/secrets.ts'
import { type InputContext, Submit } from '../../protocol/messages/jobs.ts'
import { checkOf } from '../../protocol/validation.ts'
import { pullText } from '../../remote/executors/image.ts'
import type { AssignedJob, JobEnd } from '../../remote/job/job.ts'
import { jobMaskOf } from '../../remote/job/job-mask.ts'
import { runPlugin } from '../../remote/tools/plugin-run.ts'
import { JobLog } from '../../report/attach/job-log.ts'
import { endedLines } from '../../report/attach/plugin-run.ts'
import { beforeSaying, printed, sayError, sayRaw } from '../../report/say.ts'
import { streamOut } from '../../report/stream.ts'
import { defined, fail, ok, type Result } from '../../result.ts'
import { escaped, jsonText } from '../../system/printable.ts'
import { loadSound, refusesDirectories } from '../config.ts'
import { defineCommand, defineGroup, type NewCommand, type OptionsOf } from '../define-command.ts'
import { definitionOf } from '../operator/definition.ts'
import { addTaskOptions, parseSignal } from '../operator/options.ts'
import { InvalidValue } from '../options.ts'
import { catchSignals, interruptedBy } from '../signals.ts'

const options = (command: NewCommand) =>
  addTaskOptions(command)
    .argument('<image>')
    .argument('[command...]')
    .option('--plain', 'set no SESSION_KEY: input and output are plain JSON', false)
    .option('--max-time <seconds>', 'seconds it may run', seconds)
    .option('--abort-timeout <seconds>', 'seconds between the abort signal and KILL', seconds)
    .option('--abort-signal <signal>', 'signal that asks it to end, such as SIGTERM', parseSignal)
    .addOption(
      command
        .createOption('--pull <policy>', 'when to fetch the image')
        .choices(['missing', 'always', 'never']),
    )
    .option('--repeat <number>', 'run it so often, as long as it succeeds: later runs are warm', times)
    .option('--network <name>', 'network of the container, such as none or job')
    .option('--json', 'print each event as one JSON object per line', false)

interface PluginRunOptions extends OptionsOf<typeof options> {
  image: string
  command: string[]
}

function seconds(text: string): number {
  if (!/^\d{1,8}(\.\d{1,3})?$/.test(text)) throw new InvalidValue('It must be a number of seconds.')
  return Number(text)
}

function times(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidValue('It must be a number from 1 to 99999.')
  return Number(text)
}

/** Seconds between the signal and KILL, where nothing else is said; bytes that an output may have. */
const defaults = { abortTimeout: 30, maxOutput: 33_554_432 }

/** Runs one job with no server; resolves to the exit status. */
async function runOne(options: PluginRunOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const configuration = loadSound(options, env)
  if (configuration === undefined) return exitStatus.config
  const { executor, remote } = configuration
  if (refusesDirectories([remote.state_dir, remote.work_dir], options)) return exitStatus.config
  const first = jobOf(options, env)
  if (!first.ok) {
    sayError(`runner: ${first.failure}\n`)
    return exitStatus.usage
  }

  const edges: Edges = { clock: systemClock, chance: systemChance }
  const { pull = executor.pull, network = executor.network } = options
  using signals = catchSignals()
  const gone = new AbortController()
  const out = streamOut(process.stdout, () => gone.abort())
  let log = new JobLog(options.json ? { write: () => {} } : out)
  beforeSaying(() => void log.fresh())
  let decoder = new StringDecoder()
  const tell = (event: string, facts: object) => out.write(`${jsonText({ event, ...facts })}\n`)
  const say = (text: string) => options.quiet !== true && !options.json && sayError(`runner: ${text}\n`)
  const pulling = pullReport(options, text => (process.stderr.isTTY ? sayRaw(text) : undefined))
  const leave = () => {
    sayError('runner: the next `runner plugin run` or `runner doctor` removes what is left of it\n')
    process.exit(interruptedBy(signals.stop))
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
  const { repeat = 1 } = options
  let runs = 0
  const ended = await runPlugin({
    job: () => {
      if (runs++ === 0) return first.value
      log = new JobLog(options.json ? { write: () => {} } : out)
      decoder = new StringDecoder()
      return again(first.value)
    },
    times: repeat,
    settings: { ...executor, pull, network },
    stateDir: remote.state_dir,
    workDir: remote.work_dir,
    env,
    edges,
    stop: AbortSignal.any([signals.stop, gone.signal]),
    onOrdered: end => {
      kill = end
    },
    onPull: progress => void (options.json ? tell('image:pull', progress) : pulling(pullText(progress))),
    onStarted: ({ execution_id }) => void (options.json && tell('job:started', { execution_id })),
    onLeft: message => void sayError(`runner: something is left behind: ${escaped(message)}\n`),
    onLog: (bytes, offset) => {
      const shown = log.write(bytes)
      return options.json ? tell('job:log', { offset, text: decoder.write(bytes) }) : shown
    },
    async onEnded(job, end) {
      await log.end()
      await printed()
      const took = (Date.parse(end.finished_at) - Date.parse(end.started_at)) / 1000
      if (repeat > 1) say(`run ${runs} of ${repeat} took ${took.toFixed(3)} s`)
      await showEnd(job, end)
    },
  })
  if (!ended.ok) {
    await log.end()
    await printed()
    if (options.json) tell('job:not-run', { message: ended.failure })
    sayError(`runner: it has not been run: ${escaped(ended.failure)}\n`)
    return signals.stop.aborted ? interruptedBy(signals.stop) : exitStatus.unavailable
  }
  return statusOf(ended.value, signals.stop)

  async function showEnd(job: AssignedJob, ended: JobEnd): Promise<void> {
    const passwords = job.input === undefined ? new Set<string>() : passwordOutputs(job.input)
    const mask = jobMaskOf(job)
    const output = ended.output && (await showOutput(ended.output, passwords, mask))
    const end = { ...ended, output }
    const statusLine = log.statusLine === undefined ? undefined : maskText(log.statusLine, mask)
    if (options.json) {
      // Decodes a character that the end of the log has cut off.
      const text = decoder.end()
      if (text !== '') tell('job:log', { offset: end.log_length, text })
      const comments = log.comments.map(comment => maskText(comment, mask))
      tell('job:ended', { ...end, comments, status_line: statusLine ?? null })
    } else for (const line of endedLines(end, statusLine)) say(line)
  }
}

/** Another execution of a job. */
function again(job: AssignedJob): AssignedJob {
  const session_key = job.session_key === '' ? '' : randomBytes(32).toString('base64')
  return { ...job, execution_id: randomUUID(), session_key }
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
  if (outcome === 'aborted') return stop.aborted ? interruptedBy(stop) : exitStatus.jobAborted
  return exit_code !== null && exit_code >= 1 && exit_code <= 255 ? exit_code : exitStatus.jobFailed
}

/** The job that the command line describes. */
function jobOf(options: PluginRunOptions, env: NodeJS.ProcessEnv): Result<AssignedJob, string> {
  const given = definitionOf({ ...options, capability: [] }, options.command, env)
  if (!given.ok) return given
  const { name: _, ...definition } = given.value
  const checked = checkOf('definition', Submit)(definition)
  if (!checked.ok) return checked
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
      'say what to run: --type prefix.ClassName for the task of a plugin, or after -- a command of the image',
    )
  const execution_id = randomUUID()
  return ok({
    execution_id,
    kind: input === undefined ? 'command' : 'plugin',
    image,
    runner_group: 'default',
    ...defined({ command, args, abort_signal }),
    env: definition.env ?? {},
    secret_env,
    ...defined({ input: input && wholeInput(input, execution_id) }),
    secrets: [],
    session_key: input === undefined || options.plain ? '' : randomBytes(32).toString('base64'),
    release_url: `http://${hostname()}`,
    max_time_seconds,
    abort_timeout_seconds,
    max_output_bytes: defaults.maxOutput,
  })
}

/** An input with every field that the plugins' SDKs look for. */
function wholeInput(input: InputContext, id: string): InputContext {
  const { release, task } = input
  const user = filled(release?.automatedTaskAsUser ?? {}, { username: null, password: null })
  return {
    ...input,
    release: { ...filled(release ?? {}, { id: 'Applications/Release0' }), automatedTaskAsUser: user },
    task: filled(task, { id }),
  }
}

/** An object with defaults behind its own fields. */
function filled<T extends object>(given: T, defaults: Partial<T>): T {
  const missing = Object.entries(defaults).filter(([key]) => !Object.hasOwn(given, key))
  return { ...given, ...Object.fromEntries(missing) }
}

const run = defineCommand({
  description: 'run a plugin, or a command of an image, as an attached runner would, with no server',
  options,
  runsWords: true,
  notes: `It shows the log of the plugin with all secrets masked, then its status line and its outputs. Ctrl-C
asks the plugin to end, with the abort signal and its time. A second Ctrl-C kills it, or leaves at once if it
has not started. A third one leaves at once. If nobody reads the log any more, the plugin is asked to end.
[executor] in runner.cfg has the limits. A secret is never written on the command line: \`--secret
key=@FILE\`, \`key=-\` (standard input) or \`key=env:NAME\`. \`--input n=30\` is the text 30, \`--input-json
n=30\` the number. With --repeat the job runs again in the same container, as jobs of one trust domain do; a
plugin that can stay for further jobs stays.

Exit status: that of the plugin, 0 if it succeeded; 1 without one from 1 to 255; 8 aborted; 64 usage; 69 it
was not run: no engine, no image, no command; 78 configuration error; 130 or 143 aborted by Ctrl-C or
SIGTERM.`,
  examples: [
    'runner plugin run acme/hello:1 --type acme.Hello --input yourName=World --output greeting',
    'runner plugin run acme/deploy:1 --type acme.Deploy --secret password=@pw ' +
      `--input-json hosts='["a", "b"]'`,
    'runner plugin run acme/hello:1 --type acme.Hello --input yourName=World --repeat 5',
    `runner plugin run busybox -- sh -c 'echo "$GREETING"; exit 3'`,
    `runner plugin run acme/hello:1 --type acme.Hello --json | jq -r 'select(.event == "job:ended").outcome'`,
  ],
  action: (options, [image, command], env) => runOne({ ...options, image, command }, env),
})

export const command = defineGroup({ description: 'work with container plugins', commands: { run } })
