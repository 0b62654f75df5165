import { Argument, type Command, Option } from 'commander'
import {
  limitOption,
  parseDuration,
  parseStates,
  whole,
  withDefinitionOptions,
  withServerOptions,
} from './operator-options.ts'
import type { Done } from './options.ts'

type Operator = typeof import('./operator.ts')
/** What commander has read; the arguments by the names that the command's interface has. */
type Options = Record<string, never>
type Run = (options: never, env: NodeJS.ProcessEnv) => number | Promise<number>

const waitStatus = `
Exit status with --wait: that of the job; 1 it failed without one from 1 to 255; 8 aborted; 9 lost; 130 no longer
waited for: it goes on. Else: 0 done; 7 no such job or execution; 64 usage; 69 the server cannot be reached;
77 it refuses; 78 no token or no usable configuration.`
const status = `
Exit status: 0 done; 7 there is no such thing; 64 usage; 69 the server cannot be reached; 77 it refuses; 78 no token
or no usable configuration.`

/** Adds the commands to a server. */
export function addOperatorCommands(program: Command, done: Done): void {
  /** A command that calls the one of that name, its arguments under these names. */
  const runs = (command: Command, names: readonly string[], pick: (operator: Operator) => Run): Command =>
    withServerOptions(command).action(async (...all: unknown[]) => {
      const options = command.optsWithGlobals<Options>()
      const given = Object.fromEntries(
        names.flatMap((name, at) => (all[at] === undefined ? [] : [[name, all[at]]])),
      )
      const operator = await import('./operator.ts')
      await done(pick(operator)({ ...options, ...given } as never, process.env))
    })

  addJobs(program, runs)
  addExecutions(program, runs)
  addRunners(program, runs)
  addGroups(program, runs)
  addTokens(program, runs)
  runs(
    program.command('backup [file]').description('write the definitions of all jobs, secrets sealed'),
    ['file'],
    operator => operator.backupCommand,
  ).addHelpText(
    'after',
    `
The secrets can be opened by the key of this server alone; \`runner server backup\` copies the whole store and its key.
${status}

Examples:
  runner backup jobs.json
  runner backup | jq '.[].name'`,
  )
  runs(
    program
      .command('restore <file>')
      .description('define the jobs of a backup: all of them, or none; - is standard input'),
    ['file'],
    operator => operator.restoreCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner restore jobs.json`)
}

type Runs = (command: Command, names: readonly string[], pick: (operator: Operator) => Run) => Command

const wait = ['--wait', 'show the log as it comes, and end as it ends', false] as const

function addJobs(program: Command, runs: Runs): void {
  const job = program.command('job').description('define jobs, show them, run them')
  runs(
    withDefinitionOptions(
      job
        .command('put <name> [command...]')
        .description('define a job, whatever it was before; the command stands behind --'),
    ).addOption(
      new Option('--concurrency <word>', 'whether it may run several times at once').choices([
        'allow',
        'forbid',
      ]),
    ),
    ['name', 'words'],
    operator => operator.jobPutCommand,
  ).addHelpText(
    'after',
    `${status}

Examples:
  runner job put hello --image busybox -- echo hello
  runner job put hello --file job.json
  runner job put deploy --image deploy:3 --type acme.Deploy --input to=test --secret password=@pw`,
  )
  runs(
    job.command('list', { isDefault: true }).description('list the jobs'),
    [],
    o => o.jobListCommand,
  ).addHelpText(
    'after',
    `${status}\n\nExamples:\n  runner job list\n  runner job list --json | jq '.[].image'`,
  )
  runs(
    job.command('show <name>').description('print a definition, secrets sealed'),
    ['name'],
    operator => operator.jobShowCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner job show hello > job.json`)
  runs(
    job.command('delete <name>').description('remove a definition; its executions stay'),
    ['name'],
    operator => operator.jobDeleteCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner job delete hello`)
  runs(
    job
      .command('run <name>')
      .description('run a job')
      .option(...wait),
    ['name'],
    operator => operator.jobRunCommand,
  ).addHelpText('after', `${waitStatus}\n\nExamples:\n  runner job run hello --wait`)
}

function addExecutions(program: Command, runs: Runs): void {
  runs(
    withDefinitionOptions(
      program
        .command('submit [words...]')
        .description('run a job by its name, a command in an image, or a plugin')
        .option(...wait)
        .option('--name <name>', 'name of the job that the execution counts as'),
    ),
    ['words'],
    operator => operator.submitCommand,
  ).addHelpText(
    'after',
    `
A secret is never written on the command line: \`--secret key=@FILE\`, \`key=-\` (standard input) or \`key=env:NAME\`.
\`--input n=30\` is the text 30, \`--input-json n=30\` the number.
With --wait the first Ctrl-C ends the wait; the execution goes on, and \`runner abort\` ends it.
${waitStatus}

Examples:
  runner submit hello --wait                                    a job that is defined
  runner submit --image busybox --wait -- echo hello            a command in an image
  runner submit --image acme --type acme.Deploy --input to=test --secret password=@pw
  runner submit --image acme --type acme.Deploy --input-json count=3 --output url --secret-output token --wait
  runner submit --file job.json`,
  )
  runs(
    program
      .command('executions [id]')
      .description('list executions, the latest first; or show one')
      .option('--state <states>', 'only those in these states, with commas between them', parseStates)
      .option('--job <name>', 'only those of this job')
      .option('--runner <id>', 'only those of this runner')
      .option('--group <id>', 'only the attempts of this run')
      .addOption(limitOption()),
    ['id'],
    operator => operator.executionsCommand,
  ).addHelpText(
    'after',
    `${status}

Examples:
  runner executions --state queued,running
  runner executions --job hello --limit 5
  runner executions 3f0c1d3e-8a52-4f4e-9a55-0f6f6f0c7a10`,
  )
  runs(
    program
      .command('log <id>')
      .description('print what an execution wrote')
      .option('-f, --follow', 'go on until it has ended', false)
      .option('--offset <bytes>', 'begin there', whole(0, 999_999_999), 0),
    ['id'],
    operator => operator.logCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner log -f 3f0c1d3e-8a52-4f4e-9a55-0f6f6f0c7a10`)
  runs(
    program.command('abort <ids...>').description('ask for the end of executions'),
    ['ids'],
    operator => operator.abortCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner abort 3f0c1d3e-8a52-4f4e-9a55-0f6f6f0c7a10`)
  runs(
    program
      .command('rerun <id>')
      .description('run again what an execution ran, as it was then')
      .option(...wait),
    ['id'],
    operator => operator.rerunCommand,
  ).addHelpText(
    'after',
    `${waitStatus}\n\nExamples:\n  runner rerun 3f0c1d3e-8a52-4f4e-9a55-0f6f6f0c7a10 --wait`,
  )
  runs(
    program
      .command('busy')
      .description('show what runs right now')
      .option('--watch', 'look again every 2 s', false),
    [],
    operator => operator.busyCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner busy --watch`)
}

function addRunners(program: Command, runs: Runs): void {
  const runners = program
    .command('runners')
    .description('list the attached runners, and say what they may do')
  runs(
    runners
      .command('list', { isDefault: true })
      .description('list the runners')
      .option('--group <name>', 'only those of this group'),
    [],
    operator => operator.runnersListCommand,
  ).addHelpText(
    'after',
    `${status}\n\nExamples:\n  runner runners\n  runner runners list --json | jq '.[].state'`,
  )
  const which = new Argument('<runner>', 'id of a runner, or a name that only one has')
  const add = (name: string, description: string, example: string, pick: (operator: Operator) => Run) =>
    runs(runners.command(name).description(description).addArgument(which), ['runner'], pick).addHelpText(
      'after',
      `${status}\n\nExamples:\n  runner runners ${example}`,
    )
  add('enable', 'let a runner take jobs', 'enable build-3', o => o.runnersEnableCommand)
  add('disable', 'let a runner take no more jobs', 'disable build-3', o => o.runnersDisableCommand)
  add(
    'delete',
    'delete a runner and abort what it has not finished',
    'delete build-3',
    o => o.runnersDeleteCommand,
  )
  add('undelete', 'allow a deleted runner again', 'undelete build-3', o => o.runnersUndeleteCommand)
  runs(
    runners
      .command('taint')
      .description('keep a runner from jobs and from leading, until the taint is removed')
      .addArgument(which)
      .argument('<taints...>'),
    ['runner', 'taints'],
    operator => operator.runnersTaintCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner runners taint build-3 maintenance`)
  runs(
    runners
      .command('untaint')
      .description('remove taints from a runner: those named, or all')
      .addArgument(which)
      .argument('[taints...]'),
    ['runner', 'taints'],
    operator => operator.runnersUntaintCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner runners untaint build-3`)
  runs(
    runners
      .command('capacity')
      .description('set how many jobs a runner may hold')
      .addArgument(which)
      .addArgument(new Argument('<slots>').argParser(whole(0, 1000))),
    ['runner', 'slots'],
    operator => operator.runnersCapacityCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner runners capacity build-3 8`)
}

function addGroups(program: Command, runs: Runs): void {
  const groups = program.command('groups').description('show groups of runners, and who leads them')
  runs(
    groups.command('list', { isDefault: true }).description('list the groups'),
    [],
    operator => operator.groupsListCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner groups`)
  runs(
    groups
      .command('mode <group>')
      .description('let all runners of a group work, or the one that leads')
      .addArgument(new Argument('<mode>').choices(['all', 'leader'])),
    ['group', 'mode'],
    operator => operator.groupsModeCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner groups mode default leader`)
  runs(
    groups.command('leader <group>').description('say who leads'),
    ['group'],
    operator => operator.groupsLeaderCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner groups leader default`)
  runs(
    groups.command('pin <group> <runner>').description('let this runner lead as long as it can'),
    ['group', 'runner'],
    operator => operator.groupsPinCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner groups pin default build-3`)
  runs(
    groups.command('unpin <group>').description('let the oldest one lead again, when there is need'),
    ['group'],
    operator => operator.groupsUnpinCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner groups unpin default`)
}

function addTokens(program: Command, runs: Runs): void {
  const token = program.command('token').description('make tokens, list them, revoke them')
  runs(
    token
      .command('create')
      .description('make a token; its text is shown this one time')
      .addArgument(new Argument('<kind>').choices(['admin', 'viewer', 'registration']))
      .argument('<name>', 'what it is for')
      .option('--expires-in <time>', 'seconds, or 15m, 12h, 30d', parseDuration)
      .option('--out <file>', 'write it into this file, mode 0600, and do not show it'),
    ['kind', 'name'],
    operator => operator.tokenCreateCommand,
  ).addHelpText(
    'after',
    `${status}

Examples:
  runner token create registration rack-7 --expires-in 1h --out rack-7.token
  runner token create viewer grafana`,
  )
  runs(
    token.command('list', { isDefault: true }).description('list the tokens, without their texts'),
    [],
    operator => operator.tokenListCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner token list`)
  runs(
    token.command('revoke <id>').description('revoke a token: what it opened ends within 5 s'),
    ['id'],
    operator => operator.tokenRevokeCommand,
  ).addHelpText('after', `${status}\n\nExamples:\n  runner token revoke 3f0c1d3e-8a52-4f4e-9a55-0f6f6f0c7a10`)
}
