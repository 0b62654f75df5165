import type { Command } from 'commander'
import { type Done, verbosityOf } from './options.ts'

type Options = Record<string, never>

/** Adds what a host that takes jobs needs. */
export function addAttachCommands(program: Command, done: Done, version: () => string): void {
  program
    .command('attach')
    .description('take jobs from a server, and run them in containers')
    .option('--server <url>', 'address of the server, instead of url in [remote]')
    .option('--token-file <file>', 'file with a registration token, instead of token_file in [remote]')
    .option('--new-identity', 'be another runner than before, as a copy of a machine has to', false)
    .option('--json', 'tell what happens as one JSON object per line', false)
    .addHelpText(
      'after',
      `
It tells on standard error what happens. The first SIGTERM or Ctrl-C stops it: no new work, and it waits for what
runs (on_stop, drain_time); a second one aborts what runs; a third one leaves at once, and what runs goes on.

With --new-identity the jobs of the former identity, and its results that were not delivered, are given up. Containers
that it has left on this host run on: it says by which label they are found.

Exit status: 0 stopped, or deleted by an operator; 4 another process has its state directory; 64 usage; 75 another
process has taken its identity over; 78 configuration error, or a copy of another machine.

Examples:
  runner attach --server https://runner.example:8080 --token-file registration.token
  runner attach                         with [remote] of runner.cfg`,
    )
    .action(async (_, command: Command) => {
      const options = command.optsWithGlobals<Options>()
      const { attachCommand } = await import('./attach.ts')
      const verbosity = verbosityOf(options)
      await done(attachCommand({ ...options, verbosity, version: version() } as never, process.env))
    })
  program
    .command('drain')
    .description('ask the attached runner of this host to end what runs, take nothing new, and stop')
    .option('--wait', 'wait until it has stopped', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText(
      'after',
      `
It waits for running jobs for drain_time at the most, whatever on_stop says. The server of \`runner server --attach\`
goes on without its runner.

Exit status: 0 asked, or stopped; 7 no runner is attached with this configuration; 77 it belongs to another user;
78 configuration error; 130 or 143 not waiting any more.

Examples:
  runner drain --wait && reboot
  runner drain --json | jq .executions`,
    )
    .action(async (_, command: Command) => {
      const { drainCommand } = await import('./drain.ts')
      await done(drainCommand(command.optsWithGlobals(), process.env))
    })
  program
    .command('doctor')
    .description('look at all that `runner attach` needs, and say how to mend what is wrong')
    .option('--server <url>', 'address of the server, instead of url in [remote]')
    .option('--token-file <file>', 'file with a registration token, instead of token_file in [remote]')
    .option('--json', 'print one JSON object', false)
    .addHelpText(
      'after',
      `
It registers no runner, and removes the one container that it starts; the image of that, localhost/runner-probe, stays.
Ctrl-C ends it after the check that is under way, a second one at once; the next one removes what is left then.

Exit status: 0 all is well (there may be warnings); 1 something is wrong; 64 usage; 78 configuration error; 130 or 143
ended by Ctrl-C or SIGTERM.

Examples:
  runner doctor
  runner doctor --json | jq '.checks[] | select(.result != "ok")'`,
    )
    .action(async (_, command: Command) => {
      const { doctorCommand } = await import('./doctor.ts')
      await done(doctorCommand(command.optsWithGlobals(), process.env))
    })
}
