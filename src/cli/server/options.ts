import type { NewCommand, OptionsOf } from '../define-command.ts'
import { InvalidValue } from '../options.ts'

/** An address and a port. */
function parseListen(text: string): string {
  const port = /^(?:\[[0-9A-Fa-f:.%a-z]+\]|[^\s:[\]/]*):(\d{1,5})$/.exec(text)?.[1]
  if (port === undefined || Number(port) > 65535)
    throw new InvalidValue('It must be an address and a port, such as 127.0.0.1:8080.')
  return text
}

/** Adds the options of `runner server`. */
export const serveOptions = (command: NewCommand) =>
  command
    .option('--listen <address>', 'address and port, instead of listen in [server]', parseListen)
    .option('--attach', 'attach a runner to it, in the same process: for a first try', false)
    .option('--insecure-http', 'listen beyond this machine without TLS, behind a proxy of your own', false)
    .option('--json', 'print where it listens as one JSON object, and its log as JSON lines', false)

export type ServerCommandOptions = OptionsOf<typeof serveOptions>

/** Adds the options of `runner server rekey`. */
export const rekeyOptions = (command: NewCommand) =>
  command.option('--json', 'print the result as JSON', false)

/** Adds the options of `runner server move`. */
export const moveOptions = (command: NewCommand) =>
  command
    .option(
      '--to <database>',
      'postgres://USER@HOST/NAME without a password; ' +
        'or @FILE, env:NAME or - for standard input, with the address in it',
    )
    .option('--undo', 'let the SQLite store be used again, as it was at the move', false)
    .option('--json', 'print the result as JSON', false)

/** Adds the arguments and options of `runner server backup`. */
export const backupOptions = (command: NewCommand) =>
  command
    .argument('<file>')
    .option('--with-tokens', 'put admin.token and registration.token in as well', false)
    .option('--recipient <file>', 'seal it to this public key: RSA in PEM, at least 3072 bits')
    .option('--json', 'print the result as JSON', false)

/** Adds the arguments and options of `runner server restore`. */
export const restoreOptions = (command: NewCommand) =>
  command
    .argument('<file>')
    .option('--identity <file>', 'private key of a backup that is sealed, in PEM')
    .option('--json', 'print the result as JSON', false)
