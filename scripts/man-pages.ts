/*
 * The man pages, in roff (man(7)).
 */
import { commandGroups, otherCommands } from '../src/cli/commands.ts'
import type { Keys } from '../src/config/key.ts'
import { families, sections } from '../src/config/sections/all.ts'
import { task } from '../src/config/sections/task.ts'
import { exitStatus } from '../src/exit-status.ts'
import type { CommandLine } from './command-line.ts'
import { command, helpOption, options, pageOf, seeAlso } from './man-commands.ts'
import { heading, page, paragraphs, section, tagged, text, verbatim } from './roff.ts'

const firstCommands = `runner check                    say what is wrong with the chain
runner run                      run it
runner explain                  say why the last run ended as it did
runner server                   on one host: hand out jobs
runner attach --server https://runner.example:8080 --token-file registration.token
runner submit --image busybox --wait -- echo hello
runner help jobs                an introduction on one screen`

/** runner(1). */
export function runnerPage({ program, words, commands }: CommandLine, version: string): string {
  return page([
    heading('RUNNER', 1, version),
    section('NAME', 'runner \\- run the chain of tasks of a host, and hand jobs out to many'),
    '.SH SYNOPSIS',
    '.SY runner\n[\\fIoptions\\fR] \\fIcommand\\fR ...',
    '.SY runner\n[\\fIoptions\\fR] \\fItaskdir\\fR',
    '.SY runner\n\\fB\\-g\\fR \\fIsection.key\\fR\n.YS',
    section(
      'DESCRIPTION',
      paragraphs(
        '`runner run` runs the executable files of a task directory in the order of their names, with retries, time limits, a halt task, hooks, and a configuration that every task can read. `runner server` keeps a queue of jobs, schedules them, and shows a page to browsers. `runner attach` takes jobs from that server, and runs them in containers.',
        'The exit status of a task decides how the chain continues. 0: with the next task. 2: run the halt task, then stop. 3: stop. 194, with a `reboot_command`: reboot, then continue. Any other status, a signal or a time-out: try again.',
        'The last two forms of the synopsis are those of build-runner: runner runs a task directory without a command again and again (`-n` times), and `-g` looks a value up.',
      ),
    ),
    section('OPTIONS', options([...program.options, helpOption])),
    '.SH COMMANDS',
    ...Object.entries(commandGroups).map(([title, names]) =>
      [
        `.SS "${title}"`,
        `See ${pageOf(title)}(1).`,
        ...names
          .map(name => words.find(word => word.name === name)!)
          .map(({ name, description }) => tagged(name, `${description}.`)),
      ].join('\n'),
    ),
    '.SS "The program itself"',
    tagged('help', 'show help: of the program, of a topic or of a command.'),
    tagged('version', 'print the version.'),
    ...commands.filter(({ name }) => otherCommands.includes(name)).map(command),
    section(
      'ENVIRONMENT',
      [
        tagged('RUNNER_CONFIG', 'The configuration file, if there is no `-c`.'),
        tagged(
          'RUNNER_SERVER, RUNNER_SERVER_TOKEN_FILE, RUNNER_SERVER_CA_FILE',
          'The same as the options for a server.',
        ),
        tagged('RUNNER_NODE', 'The Node.js to run with, instead of the one that came with runner.'),
        tagged('NO_COLOR, FORCE_COLOR', 'No colours; colours even without a terminal.'),
      ].join('\n'),
    ),
    text('Tasks and hooks get:'),
    [
      tagged('RUNNER_TASK, RUNNER_TASK_FILE', 'The name of the task, and of its file.'),
      tagged('RUNNER_TRY, RUNNER_RUN_ID', 'The number of the try, and of the run.'),
      tagged('RUNNER_TRY_ID', 'In tasks: the mark of the processes of a try.'),
      tagged('RUNNER_HOOK', 'In hooks: `pre` or `post`.'),
      tagged('RUNNER_HOOK_ID', 'In hooks: the mark of the processes of a hook.'),
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
      'RESUMING A RUN',
      paragraphs(
        'runner records each event before it does anything that follows from the event. `run --resume` resumes the last run of the task directory if a signal ended it, or it crashed, in this boot, or if it asked for a reboot that has happened. The tasks, their order and their contents must be the same. The run begins with the first task that is not done, and names the tasks that it skips. A task that was interrupted runs again, after all its processes have been ended. Otherwise the chain begins with its first task, and runner says why.',
        'After a reboot that no task asked for, the chain begins with its first task, unless `resume_across_boots` is set. A run that a task has halted or stopped, or that has given up, is not resumed. While a reboot that a task asked for has not happened, nothing starts, and the status is 5.',
        '`runner status` shows the state of the last run, `runner explain` the reason of its end, and `runner logs` the output of its tasks.',
      ),
    ),
    section(
      'IN THE JOURNAL OF SYSTEMD',
      text(
        'If standard output is the journal, as in `runner.service`, and with `--syslog`, each event is an entry with a priority and these fields. The output of tasks stays as it is, line by line.',
      ),
    ),
    [
      tagged('RUNNER_EVENT', 'The event: `run:started`, `try:ended` and so on.'),
      tagged('RUNNER_RUN_ID', 'The number of the run.'),
      tagged('RUNNER_TASK, RUNNER_TASK_FILE', 'The name of the task, and of its file.'),
      tagged('RUNNER_TRY', 'The number of the try.'),
      tagged('OBJECT_PID', 'The process of runner; logger(1) writes the entry.'),
    ].join('\n'),
    text('For example:'),
    verbatim('journalctl -b RUNNER_TASK=mount\njournalctl RUNNER_EVENT=run:ended'),
    section('EXIT STATUS', text('The pages of the commands have their own exit statuses.')),
    exits(),
    section('EXAMPLES', verbatim(firstCommands)),
    section(
      'SEE ALSO',
      seeAlso([...Object.keys(commandGroups).map(pageOf), 'runner.cfg', 'systemctl', 'journalctl']),
    ),
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
        'runner reads one INI file: the file that `-c` names, else the file in `$RUNNER_CONFIG`, else `./runner.cfg`, else `/etc/runner/runner.cfg`. It then reads the files in `include_dir`, in the order of their names; a later file wins, key by key. `runner check` reports every problem, and `runner check --effective` prints all settings that apply.',
        'Lines are `key = value` or `key: value` below a `[section]`. A line that begins with `#` or `;` is a comment, and so is the rest of a line from a `;` after white space. A line indented deeper than its key continues the value. Every value is text: there is no interpolation, and quotes stay.',
        'A relative path is relative to the file that has it, the halt task to the task directory. Times are decimal seconds. Sizes are bytes; k, M, G or T after a number multiply it by a power of 1024.',
      ),
    ),
    ...[
      ...Object.entries(sections),
      ...Object.entries(families).map(([name, section]) => [`${name}.NAME`, section] as const),
    ].map(([name, { about, keys }]) =>
      section(`[${name}]`, [...(about === undefined ? [] : [text(about)]), ...entries(keys)].join('\n')),
    ),
    section('SECTIONS OF TASKS', text('A section with the name of a task has settings for that task alone:')),
    ...entries(task.keys),
    text('All other keys of such a section, and all other sections, are for the tasks to look up.'),
    section(
      'EXAMPLES',
      verbatim(
        '[runner]\nmax_time = 900\nretry_from = failed\n\n[env]\nHTTPS_PROXY = http://proxy.example:3128\n\n[mount]\nmax_tries = 20',
      ),
    ),
    section('SEE ALSO', seeAlso(['runner'])),
  ])
}

/** The meaning of each exit status; meanings of the same status are joined. */
const exitTexts: Record<keyof typeof exitStatus, string> = {
  ok: 'All required tasks are OK; the command has succeeded.',
  gaveUp: 'The run gave up after `max_tries`.',
  halted: 'A task halted the run.',
  exited: 'A task stopped the run.',
  locked: 'Another run of the task directory is active; `attach`: another process uses its state directory.',
  reboot: 'A task asked for a reboot.',
  crashed: '`status`: the last run has crashed.',
  noRun: '`status`, `explain`, `logs`: there is no such run on record; `drain`: no runner is attached.',
  notFound: 'Commands to a server: it knows no such job, execution, runner, group or token.',
  jobFailed: 'Commands that wait for a job: it failed without a status of its own.',
  jobAborted: 'Commands that wait for a job: it was aborted.',
  jobLost: 'Commands that wait for a job: it was lost, because the server heard no more of its runner.',
  missing: '`logs`: a log is missing, or with `--verify` not whole; `get --require`: the key is missing.',
  chainBroken: '`audit verify`: an entry is missing, or was changed.',
  unwell: '`doctor`: something is wrong.',
  usage: 'The command line is wrong.',
  unavailable:
    'No Node.js on this host is new enough; `server`: its store or its address is not available; commands to a server: it cannot be reached.',
  internal: 'A command other than `run` could not write to standard output, or there is a bug in runner.',
  superseded: '`attach`: another process has taken the identity of this runner over.',
  refused: 'Commands to a server: it refuses; `drain`: the process belongs to another user.',
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

function entries(keys: Keys): string[] {
  return Object.entries(keys).map(([name, { form, preset, description }]) => {
    const shown = typeof preset === 'string' ? `; default: ${preset}` : ''
    return tagged(name, `${description} (${form}${shown})`)
  })
}
