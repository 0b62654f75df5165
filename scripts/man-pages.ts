/*
 * The man pages, in roff (man(7)).
 */
import { type Key, kindOf, kindTexts } from '../src/config/kinds.ts'
import { executorKeys, remoteKeys, runnerKeys, serverKeys, taskKeys } from '../src/config/schema.ts'
import { exitStatus } from '../src/exit-status.ts'
import { type CommandFacts, commandLine, type OptionFacts } from './command-line.ts'

/** runner(1). */
export function runnerPage(version: string): string {
  const { program, commands } = commandLine()
  return page([
    heading('RUNNER', 1, version),
    section('NAME', 'runner \\- run the chain of tasks of a host, and hand jobs out to many'),
    '.SH SYNOPSIS',
    ...commands.map(({ name, arguments: names }) =>
      synopsis('[\\fIoptions\\fR]', `\\fB${name}\\fR`, ...names.map(argument)),
    ),
    synopsis('[\\fIoptions\\fR]', '\\fItaskdir\\fR'),
    synopsis('\\fB\\-g\\fR', '\\fIsection.key\\fR'),
    section(
      'DESCRIPTION',
      paragraphs(
        'Runs the executable files of a task directory in the order of their names, with retries, time limits, a halt task, hooks, and a configuration that every task can read.',
        'A task says by its exit status how to go on: 0 with the next task; 2 is halt (run the halt task, then stop); 3 is stop; with a `reboot_command` 194 asks for a reboot; anything else, a signal and a time-out too, is to be tried again.',
        'The last two forms of the synopsis are those of build-runner: a task directory without a command is run again and again (`-n` says how often), and `-g` looks a value up.',
      ),
    ),
    section('OPTIONS', options([...program.options, helpOption])),
    '.SH COMMANDS',
    ...commands.map(command),
    section(
      'OPTIONS FOR A SERVER',
      text('Every command to a server takes these, wherever it says that it does:'),
    ),
    options(serverOptions(commands.find(({ name }) => name === 'submit')!)),
    section(
      'ENVIRONMENT',
      [
        tagged('RUNNER_CONFIG', 'The configuration file, where `-c` names none.'),
        tagged(
          'RUNNER_SERVER, RUNNER_SERVER_TOKEN_FILE, RUNNER_SERVER_CA_FILE',
          'What the options for a server say.',
        ),
        tagged('RUNNER_NODE', 'The Node.js to run with, instead of the one that came with runner.'),
        tagged('NO_COLOR, FORCE_COLOR', 'No colours; colours also where there is no terminal.'),
      ].join('\n'),
    ),
    text('Tasks and hooks get:'),
    [
      tagged('RUNNER_TASK, RUNNER_TASK_FILE', 'The name of the task, and of its file.'),
      tagged('RUNNER_TRY, RUNNER_RUN_ID', 'The number of the try, and of the run.'),
      tagged('RUNNER_TRY_ID', 'In tasks: what marks the processes of a try.'),
      tagged('RUNNER_HOOK', 'In hooks: `pre` or `post`.'),
      tagged('RUNNER_HOOK_ID', 'In hooks: what marks the processes of a hook.'),
      tagged('RUNNER_CONFIG_CMD', 'The command that looks a value up: `$RUNNER_CONFIG_CMD -g section.key`.'),
    ].join('\n'),
    section(
      'FILES',
      [
        tagged('/etc/runner/runner.cfg', 'The configuration, see runner.cfg(5).'),
        tagged('/etc/runner/tasks.d/', 'The tasks of the service runner.service.'),
        tagged('/var/lib/runner/', 'Records of runs and the output of each try.'),
      ].join('\n'),
    ),
    section(
      'GOING ON WITH A RUN',
      paragraphs(
        'Each event is in the record of a run before anything follows from it. `run --resume` goes on with the last run of the task directory if a signal ended it, or it crashed, in this boot, or if it asked for a reboot that has come since, and if the tasks, their order and their contents are the same. It begins with the first task that was not done, and says what it skips; a task that ran when the end came is run again, after what is left of its processes has been ended. Otherwise it begins anew, and says why.',
        'After another boot than one that a task asked for it begins anew unless `resume_across_boots` is set. A run that had been halted or stopped by a task, or had given up, is not gone on with. While a reboot that was asked for has not come, nothing is started, and the status is 5.',
        '`runner status` says how the last run stands, `runner explain` why it ended as it did, and `runner logs` what its tasks wrote.',
      ),
    ),
    section(
      'IN THE JOURNAL OF SYSTEMD',
      text(
        'Where standard output is the journal, as in `runner.service`, and with `--syslog`, each event is an entry with a priority and these fields. The output of tasks stays as it is, line by line.',
      ),
    ),
    [
      tagged('RUNNER_EVENT', 'What happened: `run:started`, `try:ended` and so on.'),
      tagged('RUNNER_RUN_ID', 'The number of the run.'),
      tagged('RUNNER_TASK, RUNNER_TASK_FILE', 'The name of the task, and of its file.'),
      tagged('RUNNER_TRY', 'The number of the try.'),
      tagged('OBJECT_PID', 'runner itself; the entry is written by logger(1).'),
    ].join('\n'),
    text('Such as:'),
    verbatim('journalctl -b RUNNER_TASK=mount\njournalctl RUNNER_EVENT=run:ended'),
    section('EXIT STATUS', text('Those of single commands stand with them.')),
    exits(),
    section('EXAMPLES', examples(program.after)),
    section('SEE ALSO', '.BR runner.cfg (5),\n.BR systemctl (1),\n.BR journalctl (1)'),
  ])
}

/** runner.cfg(5). */
export function configPage(version: string): string {
  return page([
    heading('RUNNER.CFG', 5, version),
    section('NAME', 'runner.cfg \\- configuration of runner'),
    section(
      'DESCRIPTION',
      paragraphs(
        'An INI file: the one that `-c` names, else the one in `$RUNNER_CONFIG`, else `./runner.cfg`, else `/etc/runner/runner.cfg`. Files of `include_dir` are added in the order of their names; a later file wins, key by key. `runner check` says all that is wrong, and `runner check --effective` what is in force.',
        'Lines are `key = value` or `key: value` below a `[section]`. A line that begins with `#` or `;` is a comment, and so is the rest of a line from a `;` after white space. A line indented deeper than its key continues the value. Every value is text: there is no interpolation, and quotes stay.',
        'Relative paths are relative to the file they stand in, the halt task to the task directory. Times are decimal seconds. Sizes are bytes, or with k, M, G or T behind them powers of 1024.',
      ),
    ),
    section('[runner]', keys(runnerKeys)),
    section('[env]', text('The environment of every task and hook.')),
    section('[remote]', text('What `runner attach` goes by.')),
    keys(remoteKeys),
    section('[executor]', text('What jobs in containers get.')),
    keys(executorKeys),
    section('[server]', text('What `runner server` goes by.')),
    keys(serverKeys),
    section('SECTIONS OF TASKS', text('A section with the name of a task sets for that task alone:')),
    keys(taskKeys),
    text('All other keys of such a section, and all other sections, are for the tasks to look up.'),
    section(
      'EXAMPLES',
      verbatim(
        '[runner]\nmax_time = 900\nretry_from = failed\n\n[env]\nHTTPS_PROXY = http://proxy.example:3128\n\n[mount]\nmax_tries = 20',
      ),
    ),
    section('SEE ALSO', '.BR runner (1)'),
  ])
}

/** What each exit status says; where several things have the same, one after the other. */
const exitTexts: Record<keyof typeof exitStatus, string> = {
  ok: 'All required tasks are OK; the command did what it was asked to.',
  gaveUp: 'The run gave up after `max_tries`.',
  halted: 'A task halted the run.',
  exited: 'A task stopped the run.',
  locked:
    'Another run of the task directory is under way; `attach`: another process has its state directory.',
  reboot: 'A task asked for a reboot.',
  crashed: '`status`: the process of the last run has gone without a word.',
  noRun: '`status`, `explain`, `logs`: there is no such run on record; `drain`: no runner is attached.',
  notFound: 'Commands to a server: it knows no such job, execution, runner, group or token.',
  jobFailed: 'Commands that wait for a job: it failed without a status of its own.',
  jobAborted: 'Commands that wait for a job: it was aborted.',
  jobLost: 'Commands that wait for a job: its runner was not heard of again.',
  missing: '`logs`: a log is not there, or with `--verify` not whole; `get --require`: the key is not there.',
  unwell: '`doctor`: something is wrong.',
  usage: 'The command line is wrong.',
  unavailable:
    'There is no Node.js that is new enough; `server`: its store or its address cannot be had; commands to a server: it cannot be reached.',
  internal: 'A command other than `run` could not write to standard output, or there is a bug in runner.',
  superseded: '`attach`: another process has taken the identity of this runner over.',
  refused:
    'Commands to a server: it does not do what was asked; `drain`: the process belongs to another user.',
  config: 'The configuration or the task directory is wrong; nothing has run.',
  interrupted: 'A signal interrupted it: SIGINT, SIGTERM.',
}

function exits(): string {
  const names = Object.keys(exitTexts) as (keyof typeof exitStatus)[]
  const numbers = (name: keyof typeof exitStatus) => {
    const status = exitStatus[name]
    return typeof status === 'number' ? [status] : Object.values(status)
  }
  return [...Map.groupBy(names, name => numbers(name).join(', '))]
    .sort(([a], [b]) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .map(([status, of]) => tagged(status, of.map(name => exitTexts[name]).join(' ')))
    .join('\n')
}

const helpOption = { short: '-h', long: '--help', description: 'show the help of a command' }

const synopsis = (...words: string[]) => `\\fBrunner\\fR ${words.join(' ')}\n.br`

function page(parts: readonly string[]): string {
  return `.\\" Written by scripts/generate.ts: change the definitions there and in src/, not this file.\n${parts.join('\n')}\n`
}

function heading(name: string, part: number, version: string): string {
  return `.TH ${name} ${part} "" "runner ${version}" "${part === 1 ? 'User Commands' : 'File Formats'}"`
}

function section(title: string, body: string): string {
  return `.SH "${title}"\n${body.replace(/^\.PP\n/, '')}`
}

/** One paragraph; what stands between backticks is bold. */
function text(body: string): string {
  return `.PP\n${inline(body)}`
}

function paragraphs(...bodies: string[]): string {
  return bodies
    .map(text)
    .join('\n')
    .replace(/^\.PP\n/, '')
}

function inline(body: string): string {
  return body
    .split('`')
    .map((part, index) => (index % 2 === 1 ? `\\fB${escaped(part)}\\fR` : escaped(part)))
    .join('')
    .replace(/^(?=[.'])/gm, '\\&')
}

function escaped(body: string): string {
  const special: Record<string, string> = {
    '\\': '\\e',
    '-': '\\-',
    '~': '\\(ti',
    '^': '\\(ha',
    '×': '\\(mu',
  }
  return body.replace(/[\\\-~^×]/g, character => special[character]!)
}

function tagged(tag: string, body: string): string {
  return `.TP\n.B ${escaped(tag)}\n${inline(body)}`
}

function verbatim(body: string): string {
  return `.nf\n.RS 4\n${escaped(body).replace(/^(?=[.'])/gm, '\\&')}\n.RE\n.fi`
}

function argument(name: string): string {
  return name.startsWith('[') ? `[\\fI${name.slice(1, -1)}\\fR]` : `\\fI${name.slice(1, -1)}\\fR`
}

function options(
  all: readonly Pick<OptionFacts, 'short' | 'long' | 'value' | 'description' | 'preset'>[],
): string {
  return all
    .map(({ short, long, value, description, preset }) => {
      const names = [short, long].flatMap(name => (name === undefined ? [] : `\\fB${escaped(name)}\\fR`))
      const shown = value === undefined ? '' : ` ${argument(value)}`
      const rest = preset === undefined ? '' : ` (default: ${preset})`
      return `.TP\n${names.join(', ')}${shown}\n${inline(`${description}${rest}`)}`
    })
    .join('\n')
}

/** Options that say which server, and how to reach it. */
const serverNames = ['--server', '--token-file', '--ca-file', '--cert-file', '--key-file', '--proxy']

const serverOptions = ({ options }: CommandFacts) => options.filter(({ long }) => serverNames.includes(long))

function command(facts: CommandFacts): string {
  const { name, arguments: names, description, options: all, after } = facts
  const shared = serverOptions(facts)
  const own = shared.length < serverNames.length ? all : all.filter(option => !shared.includes(option))
  const [, status, example] = after.match(/^((?:(?!Examples:)[\s\S])*)(Examples:[\s\S]*)?$/) ?? []
  const notes = (status ?? '').trim().replace(/\n(?!\n)/g, ' ')
  return [
    `.SS "runner ${[name, ...names].join(' ')}"`,
    inline(`${description[0]!.toUpperCase()}${description.slice(1)}.`),
    ...(own.length > 0 ? [options(own)] : []),
    ...(own === all ? [] : [text('It takes the options for a server.')]),
    ...(notes === '' ? [] : [text(notes)]),
    ...(example === undefined ? [] : ['.PP\nExamples:', examples(example)]),
  ].join('\n')
}

/** The lines below `Examples:`. */
function examples(after: string): string {
  const body = after.slice(after.indexOf('Examples:') + 'Examples:'.length).split('\n\n')[0]!
  return verbatim(body.replace(/^\n/, '').replace(/^ {2}/gm, ''))
}

function keys(all: Record<string, Key>): string {
  return Object.entries(all)
    .map(([name, key]) => {
      const preset = key.default === undefined ? '' : `; default: ${key.default}`
      return tagged(name, `${key.description} (${kindTexts[kindOf(key)]}${preset})`)
    })
    .join('\n')
}
