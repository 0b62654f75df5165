import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import { parseSignal, withTaskOptions } from './operator-options.ts'
import type { Done } from './options.ts'

function seconds(text: string): number {
  if (!/^\d{1,8}(\.\d{1,3})?$/.test(text)) throw new InvalidArgumentError('It must be a number of seconds.')
  return Number(text)
}

/** Adds `plugin run`. */
export function addPluginCommands(program: Command, done: Done): void {
  withTaskOptions(
    program
      .command('plugin')
      .description('work with container plugins')
      .command('run <image> [command...]')
      .description('run a plugin, or a command of an image, as an attached runner would, with no server'),
  )
    .option('--plain', 'set no SESSION_KEY: input and output are plain JSON', false)
    .option('--max-time <seconds>', 'seconds it may run', seconds)
    .option('--abort-timeout <seconds>', 'seconds between the abort signal and KILL', seconds)
    .option('--abort-signal <name>', 'signal that asks it to end, such as SIGTERM', parseSignal)
    .addOption(
      new Option('--pull <policy>', 'when to fetch the image').choices(['missing', 'always', 'never']),
    )
    .option('--network <name>', 'network of the container, such as none')
    .option('--json', 'tell what happens as one JSON object per line', false)
    .addHelpText(
      'after',
      `
Its log is shown with all secrets masked, then its status line and its outputs. Ctrl-C asks it to end, with the abort
signal and its time; a second one kills it, or leaves at once where it has not been started; a third one leaves at
once. Where nobody reads its log any more it is asked to end. Limits are those of [executor] in runner.cfg.
A secret is never written on the command line: \`--secret key=@FILE\`, \`key=-\` (standard input) or \`key=env:NAME\`.
\`--input n=30\` is the text 30, \`--input-json n=30\` the number.

Exit status: its own exit code, 0 if it succeeded; 1 where it has none from 1 to 255; 8 aborted; 64 usage; 69 it has
not been run: no engine, no image, no command; 78 configuration error; 130 or 143 aborted by Ctrl-C or SIGTERM.

Examples:
  runner plugin run acme/hello:1 --type acme.Hello --input yourName=World --output greeting
  runner plugin run acme/deploy:1 --type acme.Deploy --secret password=@pw --input-json hosts='["a", "b"]'
  runner plugin run busybox -- sh -c 'echo "$GREETING"; exit 3'
  runner plugin run acme/hello:1 --type acme.Hello --json | jq -r 'select(.event == "job:ended").outcome'`,
    )
    .action(async (image: string, words: string[], _, command: Command) => {
      const { pluginRunCommand } = await import('./plugin-run.ts')
      const options = command.optsWithGlobals()
      await done(pluginRunCommand({ ...options, image, command: words } as never, process.env))
    })
}
