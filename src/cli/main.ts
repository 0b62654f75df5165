import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { exitStatus } from '../exit-status.ts'
import { packageRoot } from '../package-root.ts'
import { errorCode, errorText } from '../result.ts'
import { addAttachCommands } from './attach-commands.ts'
import { isBuildRunnerSpelling, withBuildRunnerCommand } from './compat.ts'
import type { GetOptions } from './get.ts'
import { addOperatorCommands } from './operator-commands.ts'
import { type Done, lookUp, parseTimes, verbosityOf, withGlobalOptions } from './options.ts'
import { addPluginCommands } from './plugin-commands.ts'
import { sayError } from './say.ts'

/**
 * What commander has read. Its types cannot say what it was told to read, so each action hands it to its command
 * unchecked: the options above an action and the interface of its command have to agree.
 */
type Options = Record<string, never>

const examples = `
Examples:
  runner run                            run the chain of ./runner.cfg or /etc/runner/runner.cfg
  runner run -c site.cfg --dry-run      show what would run
  runner check                          say all that is wrong with configuration and tasks
  runner get limits.disk --origin       look a value up, with its file and line
  runner -c site.cfg -n 1 -H tasks.d    build-runner's spelling: once, then the halt task

Each command has its own help: runner run --help`

function addRun(program: Command, done: Done): void {
  const collect = (value: string, all: string[]) => [...all, value]
  program
    .command('run [taskdir]')
    .description('run the chain of tasks')
    .option(
      '-n, --times <number>',
      'run this many times, each after the one before succeeded; 0: for ever',
      parseTimes,
      1,
    )
    .option('-H, --halt-after', 'run the halt task after success, once, after the last run', false)
    .option('--only <name>', 'run only this task (may be given several times)', collect, [])
    .option('--from <name>', 'begin with this task')
    .option('--dry-run', 'show what would run, and run nothing', false)
    .option('--resume', 'go on with the last run, if it was interrupted or asked for a reboot', false)
    .option('--wait', 'wait for another run of the same directory to end, instead of status 4', false)
    .option('--json', 'tell what happens as one JSON object per line', false)
    .option('--syslog', 'tell what happens to the system log too', false)
    .addHelpText(
      'after',
      `
Exit status: 0 all required tasks OK; 1 gave up; 2 halted by a task; 3 a task asked to stop;
4 another run is under way; 5 a reboot was asked for; 64 usage; 78 configuration error, nothing has run; 130 or 143 interrupted.

Examples:
  runner run                            once, as at boot
  runner run -n 0 /etc/runner/tasks.d   again and again until it fails
  runner run --only disk --only clock   two tasks, whatever they depend on
  runner run --json | jq .event         for a program`,
    )
    .action(async (directory: string | undefined, _, command: Command) => {
      const options = command.optsWithGlobals<Options>()
      const { runCommand } = await import('./run.ts')
      await done(runCommand({ ...options, directory, verbosity: verbosityOf(options) } as never, process.env))
    })
}

function addCheck(program: Command, done: Done): void {
  program
    .command('check [taskdir]')
    .description('say all that is wrong or odd about configuration and tasks; run nothing')
    .option('--effective', 'print the configuration in force as INI, with where each value comes from', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText(
      'after',
      `
Exit status: 0 the chain can run (there may be warnings); 78 it cannot.

Examples:
  runner check                          before the next boot does
  runner check --effective > all.cfg    what the settings come to`,
    )
    .action(async (directory: string | undefined, _, command: Command) => {
      const { checkCommand } = await import('./check.ts')
      await done(checkCommand({ ...command.optsWithGlobals<Options>(), directory } as never, process.env))
    })
}

function addList(program: Command, done: Done): void {
  program
    .command('list [taskdir]')
    .description('show the tasks in their order, their settings, and what is no task and why')
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', '\nExamples:\n  runner list\n  runner list --json | jq .tasks[].task')
    .action(async (directory: string | undefined, _, command: Command) => {
      const { listCommand } = await import('./list.ts')
      await done(listCommand({ ...command.optsWithGlobals<Options>(), directory } as never, process.env))
    })
}

/** A number of a run, or nothing. */
function parseRun(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It must be the number of a run.')
  return Number(text)
}

function addRecords(program: Command, done: Done): void {
  const taskDir = [
    '--task-dir <directory>',
    'the chain of this directory, not that of the configuration',
  ] as const
  program
    .command('status')
    .description('show what the last run is at, or how it ended')
    .option('--wait', 'wait for its end', false)
    .option('--json', 'print one JSON object', false)
    .option(...taskDir)
    .addHelpText(
      'after',
      `
Exit status: 0 it runs or succeeded, else that of the run: 1, 2, 3, 5, 130 or 143; 6 its process has gone
without a word; 7 no run is on record.

Examples:
  runner status
  runner status --wait && echo all is well`,
    )
    .action(async (_, command: Command) => {
      const { statusCommand } = await import('./status.ts')
      await done(statusCommand(command.optsWithGlobals(), process.env))
    })
  program
    .command('history')
    .description('list the runs on record, the latest first')
    .option('--json', 'print a JSON array', false)
    .option(...taskDir)
    .addHelpText('after', "\nExamples:\n  runner history\n  runner history --json | jq '.[].state'")
    .action(async (_, command: Command) => {
      const { historyCommand } = await import('./history.ts')
      await done(historyCommand(command.optsWithGlobals(), process.env))
    })
  program
    .command('logs')
    .argument('[run]', 'number of the run (default: the last)')
    .argument('[task]', 'file name or name of a task')
    .description('print what the tasks of a run wrote')
    .option('--hook', 'what the hooks wrote, not the tasks', false)
    .option('-f, --follow', 'go on until the run has ended', false)
    .option('--verify', 'say of each log whether it is whole', false)
    .option('--json', 'print JSON', false)
    .option(...taskDir)
    .addHelpText(
      'after',
      `
Exit status: 0; 1 a log is not there, or with --verify not whole; 7 no such run or task.

Examples:
  runner logs -f
  runner logs disk
  runner logs 12 disk
  runner logs disk --hook
  runner logs --verify`,
    )
    .action(async (first: string | undefined, second: string | undefined, _, command: Command) => {
      // A single word that is no number is a task.
      const alone = second === undefined && first !== undefined && !/^\d+$/.test(first)
      const run = alone || first === undefined ? undefined : parseRun(first)
      const task = alone ? first : second
      const { logsCommand } = await import('./logs.ts')
      await done(logsCommand({ ...command.optsWithGlobals<Options>(), run, task } as never, process.env))
    })
  program
    .command('explain')
    .argument('[run]', 'number of the run (default: the last)', parseRun)
    .description('say why a run ended as it did, on one screen')
    .option('--json', 'print one JSON object', false)
    .option(...taskDir)
    .addHelpText('after', '\nExamples:\n  runner explain\n  runner explain 12')
    .action(async (run: number | undefined, _, command: Command) => {
      const { explainCommand } = await import('./explain.ts')
      await done(explainCommand({ ...command.optsWithGlobals<Options>(), run } as never, process.env))
    })
  program
    .command('graph [taskdir]')
    .description('show the order of the chain, and what depends on what')
    .option('--mermaid', 'as a Mermaid flow chart', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', '\nExamples:\n  runner graph\n  runner graph --mermaid > chain.mmd')
    .action(async (directory: string | undefined, _, command: Command) => {
      const { graphCommand } = await import('./graph.ts')
      await done(graphCommand({ ...command.optsWithGlobals<Options>(), directory } as never, process.env))
    })
}

function addGet(program: Command, done: Done): void {
  program
    .command('get <key>')
    .description('look up section.key, or a whole section; a missing key prints nothing')
    .option('--origin', 'print the file and line before the value', false)
    .option('--require', 'fail on a missing key', false)
    .option('--json', 'print JSON', false)
    .addHelpText(
      'after',
      `
In tasks: $RUNNER_CONFIG_CMD -g section.key

Exit status: 0, for a missing key too; with --require 1 for a missing key; 78 unreadable configuration.

Examples:
  runner get limits.disk
  runner get limits --json
  runner get --require limits.disk || exit 2`,
    )
    .action(async (key: string, _, command: Command) => {
      const { origin, require, json, config } = command.optsWithGlobals<GetOptions>()
      await done(
        lookUp({ ...(config === undefined ? {} : { config }), key, legacy: false, origin, require, json }),
      )
    })
}

function addServer(program: Command, done: Done): void {
  const server = program
    .command('server')
    .description('serve: the control plane that hands jobs to attached runners')
    .option('--listen <address>', 'address and port, instead of listen in [server]', parseListen)
    .option('--attach', 'attach a runner to it, in the same process: for a first try', false)
    .option('--insecure-http', 'listen beyond this machine without TLS, behind a proxy of your own', false)
    .addHelpText(
      'after',
      `
Exit status: 0 stopped by SIGTERM or SIGINT; 64 usage; 69 the store or the address cannot be had;
78 configuration error.

Examples:
  runner server                         with its own store, on 127.0.0.1:8080
  runner server --attach                … and a runner that takes its jobs
  runner server -c server.cfg           with [server] as it stands there`,
    )
    .action(async (_, command: Command) => {
      const options = command.optsWithGlobals<Options>()
      const { serverCommand } = await import('./server.ts')
      const verbosity = verbosityOf(options)
      await done(serverCommand({ ...options, verbosity, version: version() } as never, process.env))
    })
  addServerBackup(server, done)
}

function addServerBackup(server: Command, done: Done): void {
  server
    .command('backup <file>')
    .description('copy the whole store, its logs and its key into one file, while the server runs or not')
    .addHelpText(
      'after',
      `
Who has the file can read every secret in it: it has mode 0600. A store in PostgreSQL is copied by pg_dump; how, is
said. \`runner backup\` copies the definitions of jobs alone.

Exit status: 0; 69 it could not be made, and a file of that name is as it was; 78 configuration error.

Examples:
  runner server backup /backup/runner-server`,
    )
    .action(async (file: string, _, command: Command) => {
      const { serverBackupCommand } = await import('./server-backup.ts')
      await done(serverBackupCommand({ ...command.optsWithGlobals<Options>(), file } as never, process.env))
    })
  server
    .command('restore <file>')
    .description('make the store anew from such a file, where there is none')
    .addHelpText(
      'after',
      `
Exit status: 0; 69 it could not be restored, or there is a store already; 78 configuration error.

Examples:
  runner server restore /backup/runner-server && systemctl start runner-server`,
    )
    .action(async (file: string, _, command: Command) => {
      const { serverRestoreCommand } = await import('./server-backup.ts')
      await done(serverRestoreCommand({ ...command.optsWithGlobals<Options>(), file } as never, process.env))
    })
}

/** An address and a port. */
function parseListen(text: string): string {
  const port = /^(?:\[[0-9A-Fa-f:.%a-z]+\]|[^\s:[\]/]*):(\d{1,5})$/.exec(text)?.[1]
  if (port === undefined || Number(port) > 65535)
    throw new InvalidArgumentError('It must be an address and a port, such as 127.0.0.1:8080.')
  return text
}

function version(): string {
  return (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version
}

/** The command line, for this program and for what is generated from it (scripts/generate.ts). */
export function makeProgram(argv: readonly string[], done: Done): Command {
  const program = withGlobalOptions(new Command('runner'))
    .description("Runs a host's chain of tasks.")
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .addHelpText('after', examples)
  if (isBuildRunnerSpelling(argv)) return withBuildRunnerCommand(program, done)
  if (argv.some(word => word === '-V' || word === '--version')) program.version(version(), '-V, --version')
  else program.option('-V, --version', 'print the version')
  addRun(program, done)
  addCheck(program, done)
  addList(program, done)
  addGet(program, done)
  addRecords(program, done)
  addPluginCommands(program, done)
  addServer(program, done)
  addAttachCommands(program, done, version)
  addOperatorCommands(program, done)
  return program
}

/** Runs one command; its exit status becomes that of the process. */
export async function main(argv: readonly string[]): Promise<void> {
  // By default SIGUSR2 ends a process, and SIGUSR1 opens Node's debugger, which any user of the host can talk to.
  process.on('SIGUSR1', () => {}).on('SIGUSR2', () => {})
  process.stdout.on('error', error => {
    // A reader that has gone, as in `runner list | head -1`, is no error.
    if (errorCode(error) === 'EPIPE') return
    sayError(`runner: standard output cannot be written: ${errorText(error)}\n`)
    process.exitCode ||= exitStatus.internal
  })
  const done: Done = async status => {
    process.exitCode = await status
  }
  try {
    await makeProgram(argv, done).parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitStatus.ok : exitStatus.usage
      return
    }
    if ((error as NodeJS.ErrnoException).syscall === 'uv_cwd') {
      sayError('runner: the working directory has been removed; change to another one\n')
      process.exitCode = exitStatus.config
      return
    }
    const said = error instanceof Error ? error.message : String(error)
    sayError(`runner: internal error: ${said}\n`)
    if (argv.includes('-v') || argv.includes('--verbose')) sayError(`${(error as Error).stack}\n`)
    process.exitCode = exitStatus.internal
  }
}

if (import.meta.main) void main(process.argv.slice(2))
