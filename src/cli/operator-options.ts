import { constants } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { executionStates } from '../protocol/states.ts'

/** Adds what every command to a server takes. */
export function withServerOptions(command: Command): Command {
  return command
    .option('--server <url>', 'address of the server (default: $RUNNER_SERVER, else that of [server])')
    .option(
      '--token-file <file>',
      'file with a token (default: $RUNNER_SERVER_TOKEN_FILE, else the admin.token of the local server)',
    )
    .option('--ca-file <file>', 'CA to trust instead of the known ones (default: $RUNNER_SERVER_CA_FILE)')
    .option('--cert-file <file>', 'client certificate')
    .option('--key-file <file>', 'key of the client certificate')
    .option(
      '--proxy <url>',
      'proxy to go through (default: $HTTPS_PROXY, $HTTP_PROXY; none with the admin.token of the local server)',
    )
    .option('--json', 'print JSON', false)
}

const collect = (value: string, all: string[]) => [...all, value]

/** Adds what a definition is made of, wherever it is run. */
export function withTaskOptions(command: Command): Command {
  return command
    .option('--file <file>', 'definition as JSON; - is standard input')
    .option('--type <type>', 'prefix.ClassName of a plugin, which the image is then')
    .option('--input <key=value>', 'text for a plugin; key=@FILE: what the file has in it', collect, [])
    .option('--input-json <key=json>', 'the same as JSON: a number, true, a list, …', collect, [])
    .option(
      '--secret <key=@file>',
      'secret for a plugin, or secret environment of a command; also key=- and key=env:NAME',
      collect,
      [],
    )
    .option('--output <name>', 'output that a plugin sets', collect, [])
    .option('--secret-output <name>', '… that is a password, and shown as ********', collect, [])
    .option('--env <key=value>', 'environment of a command', collect, [])
}

/** Adds what a definition for a server can be made of. */
export function withDefinitionOptions(command: Command): Command {
  return withTaskOptions(command)
    .option('--image <image>', 'image to run')
    .option('--runner-group <name>', 'group of runners that may have it')
    .option('--capability <name>', 'what its runner must be able to do', collect, [])
    .option('--priority <number>', 'higher first', whole(-1000, 1000))
    .option('--retries <number>', 'further attempts after a failure or a loss', whole(0, 100))
    .option('--max-time <seconds>', 'seconds it may run', atLeast(0.001))
    .option('--max-queue <seconds>', 'seconds it may wait for a runner', atLeast(0.001))
    .option('--abort-timeout <seconds>', 'seconds between the abort signal and the end', atLeast(0))
    .option('--abort-signal <name>', 'signal that asks it to end, such as SIGTERM', parseSignal)
    .addOption(
      new Option('--reuse <word>', 'which other job may have its container').choices([
        'domain',
        'job',
        'never',
      ]),
    )
}

/** The name of a signal: one that there is not would be sent to nobody. */
export function parseSignal(text: string): string {
  if (Object.hasOwn(constants.signals, text)) return text
  throw new InvalidArgumentError('It must be the name of a signal, such as SIGTERM.')
}

/** A number between two. */
export function whole(least: number, most: number) {
  return (text: string): number => {
    const number = /^-?\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return number
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }
}

function atLeast(least: number) {
  return (text: string): number => {
    const number = /^\d{1,8}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
    if (number >= least) return number
    throw new InvalidArgumentError('It must be a number of seconds.')
  }
}

/** How many items of a list. */
export const limitOption = () =>
  new Option('--limit <number>', 'list at most so many').default(50).argParser(whole(1, 100_000))

/** States with commas between them. */
export function parseStates(text: string): string {
  const wrong = text.split(',').find(state => !(executionStates as string[]).includes(state))
  if (wrong === undefined) return text
  throw new InvalidArgumentError(`A state is one of ${executionStates.join(', ')}.`)
}

/** `90`, `15m`, `12h` or `30d` in seconds. */
export function parseDuration(text: string): number {
  const [, number, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? []
  const seconds = Number(number) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as 's' | 'm' | 'h' | 'd']
  if (number !== undefined && seconds >= 1 && seconds <= 3_155_760_000) return seconds
  throw new InvalidArgumentError('It must be a time such as 90 (seconds), 15m, 12h or 30d.')
}
