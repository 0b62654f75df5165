import type { Command, OptionValues } from '@commander-js/extra-typings'
import type { GlobalOptions } from '../options.ts'

/** Adds the options that say which server, and how to reach it. */
export const serverOptions = <Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options, GlobalOptions>,
) =>
  command
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
      'proxy to go through ' +
        '(default: $HTTPS_PROXY, $HTTP_PROXY; none with the admin.token of the local server)',
    )
    .option('--json', 'print JSON', false)
