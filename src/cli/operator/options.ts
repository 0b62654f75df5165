import { constants } from 'node:os'
import type { Command, OptionValues } from '@commander-js/extra-typings'
import { systemClock } from '../../edges.ts'
import { executionStates } from '../../protocol/states.ts'
import type { NewCommand, OptionsOf } from '../define-command.ts'
import { collect, type GlobalOptions, InvalidValue, wholeNumber } from '../options.ts'

/** Adds the options for a definition, wherever it is run. */
export const addTaskOptions = <Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options, GlobalOptions>,
) =>
  command
    .option('--file <file>', 'definition as JSON; - is standard input')
    .option('--type <type>', 'prefix.ClassName of the plugin that the image is')
    .option('--input <key=value>', 'text for a plugin; key=@FILE takes the content of a file', collect, [])
    .option('--input-json <key=json>', 'the same as JSON: a number, true, a list, …', collect, [])
    .option(
      '--secret <key=@file>',
      'secret for a plugin, or secret environment of a command; also key=- and key=env:NAME',
      collect,
      [],
    )
    .option('--output <name>', 'output that a plugin sets', collect, [])
    .option('--secret-output <name>', 'output that a plugin sets, and that is shown as ********', collect, [])
    .option('--env <key=value>', 'environment of a command', collect, [])

/** Adds the options for a definition that a server gets. */
export const addDefinitionOptions = <Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options, GlobalOptions>,
) =>
  addTaskOptions(command)
    .option('--image <image>', 'image to run')
    .option('--runner-group <group>', 'group of nodes that may have it')
    .option('--capability <name>', 'capability that its node must have', collect, [])
    .option('--priority <number>', 'priority; a higher one goes first', wholeNumber(-1000, 1000))
    .option('--retries <number>', 'further attempts after a failure or a loss', wholeNumber(0, 100))
    .option('--max-time <seconds>', 'seconds it may run', atLeast(0.001))
    .option('--max-queue <seconds>', 'seconds it may wait for a node', atLeast(0.001))
    .option('--abort-timeout <seconds>', 'seconds between the abort signal and the end', atLeast(0))
    .option(
      '--notify <target=events>',
      'targets to tell: ops=failure,recovery; ops alone means these two',
      collect,
      [],
    )
    .option('--expected <seconds>', 'seconds after which a run is late, for --notify', atLeast(0.001))
    .option('--abort-signal <signal>', 'signal that asks it to end, such as SIGTERM', parseSignal)
    .addOption(
      command
        .createOption('--reuse <word>', 'which other jobs may use its container')
        .choices(['domain', 'job', 'never']),
    )
    .option('--retry-delay <seconds>', 'seconds from a failure to the next attempt: 5', atLeast(0))
    .option('--retry-backoff <number>', 'by which each delay is multiplied for the next: 1', parseFactor)
    .option('--retry-max-delay <seconds>', 'longest delay: 3600', atLeast(0))
    .option('--retry-jitter <seconds>', 'up to so many seconds more, by chance: 0', atLeast(0))
    .option('--retry-on <codes>', 'exit codes after which it is tried again, such as 1,75', parseCodes)
    .option('--retry-not-on <codes>', 'exit codes after which it is not tried again', parseCodes)
    .addOption(
      command
        .createOption('--concurrency <word>', 'reaction of a new run while another one has not ended')
        .choices(['allow', 'forbid', 'queue', 'replace']),
    )
    .option('--queue-limit <number>', 'runs that wait with --concurrency queue: 1', wholeNumber(1, 1000))
    .option('--concurrency-key <key>', 'of all runs with this key, only so many at once')
    .option('--concurrency-limit <number>', 'runs at once with --concurrency-key: 1', wholeNumber(1, 10_000))

/** The option that bounds a list, for `addOption`. */
export const limitOption = (command: NewCommand, most: number) =>
  command.createOption('--limit <number>', 'list at most so many').default(50).argParser(wholeNumber(1, most))

type NoOptions = Record<never, never>
type TaskOptions = OptionsOf<typeof addTaskOptions<[], NoOptions>>
type ServerDefinitionOptions = OptionsOf<typeof addDefinitionOptions<[], NoOptions>>

/** The options of a definition; those that only a server can use may be absent. */
export type DefinitionOptions = TaskOptions & Partial<ServerDefinitionOptions>

/** The name of a signal that this system has. */
export function parseSignal(text: string): string {
  if (Object.hasOwn(constants.signals, text)) return text
  throw new InvalidValue('It must be the name of a signal, such as SIGTERM.')
}

function atLeast(least: number) {
  return (text: string): number => {
    const number = /^\d{1,8}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
    if (number >= least) return number
    throw new InvalidValue('It must be a number of seconds.')
  }
}

function parseFactor(text: string): number {
  const number = /^\d{1,3}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
  if (number >= 1 && number <= 100) return number
  throw new InvalidValue('It must be a number from 1 to 100.')
}

/** Exit codes with commas between them. */
function parseCodes(text: string): number[] {
  if (/^\d{1,10}(,\d{1,10})*$/.test(text)) return [...new Set(text.split(',').map(Number))]
  throw new InvalidValue('It must be exit codes with commas between them, such as 1,75.')
}

/** The states of an execution that has not ended. */
export const activeStates = 'queued,reserved,running,aborting'

/** States with commas between them. */
export function parseStates(text: string): string {
  const wrong = text.split(',').find(state => !(executionStates as string[]).includes(state))
  if (wrong === undefined) return text
  throw new InvalidValue(`A state is one of ${executionStates.join(', ')}.`)
}

/** `90`, `15m`, `12h` or `30d` in seconds. */
export function parseDuration(text: string): number {
  const [, number, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? []
  const seconds = Number(number) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as 's' | 'm' | 'h' | 'd']
  if (number !== undefined && seconds >= 1 && seconds <= 3_155_760_000) return seconds
  throw new InvalidValue('It must be a time such as 90 (seconds), 15m, 12h or 30d.')
}

/** A time of RFC 3339, or one so long ago, `12h`, as a time of RFC 3339. */
export function parseTime(text: string): string {
  if (/^\d+[smhd]?$/.test(text))
    return new Date(systemClock.now().getTime() - parseDuration(text) * 1000).toISOString()
  const time = Date.parse(text)
  if (Number.isNaN(time))
    throw new InvalidValue('It must be a time, such as 2026-01-31T06:00:00Z, or so long ago: 15m, 12h, 30d.')
  return new Date(time).toISOString()
}
