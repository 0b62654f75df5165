import { homedir } from 'node:os'
import { join } from 'node:path'
import {
  commandWords,
  count,
  flag,
  oneOf,
  path,
  pathAsWritten,
  pathOrNothing,
  seconds,
  size,
} from '../forms.ts'
import { defineSection } from '../section.ts'
import { perTask, taskOnly } from './task.ts'

/** `[runner]`: the chain of this host. */
export const runner = defineSection({
  keys: {
    ...perTask,
    retry_from: oneOf('beginning', 'failed').doc(
      'The task with which a new try begins: the first one (`beginning`), or the one that failed (`failed`).',
    ),
    parallel: count(1).doc(
      'Number of tasks that may be under way at once; with 1 the chain runs one task after another. More',
      'than one start only where tasks have `order = free`.',
    ),
    halt_task: pathAsWritten('halt.sh')
      .fromBuildRunner()
      .doc('The halt task, a file in the task directory. It is not a task of the chain.'),
    task_hook: commandWords()
      .fromBuildRunner()
      .doc('Command that runs before and after each try; its last argument is the stats as JSON.'),
    hook_time: seconds(60).doc('Seconds a hook may run; 0: for ever.'),
    include_dir: pathOrNothing().fromBuildRunner().doc('Directory of further configuration files.'),
    compatible: flag(false).doc(
      '`yes`: the stats of the hook before a try have `"result": "RUNNING"`, as in the code of build-runner,',
      'and mistakes that it accepted (a line that is not `key = value`, an unknown key, no task) are',
      'warnings.',
    ),
    allow_empty: flag(false).doc('`yes`: a chain without a task succeeds. `no`: it is an error.'),
    task_dir: path('tasks.d').doc('Directory of the tasks. A directory on the command line overrides it.'),
    state_dir: path(defaultStateDir).doc(
      'Directory of the records, mode 0700. Without it `/var/lib/runner` for root, for others',
      '`$XDG_STATE_HOME/runner`, else `~/.local/state/runner`. If runner cannot write there, it uses a',
      'temporary directory, with a warning.',
    ),
    min_free: size('64M').doc(
      'Free disk space that runner leaves: below it, it removes old runs, and then shows output without',
      'keeping it.',
    ),
    resume_across_boots: flag(false).doc(
      '`run --resume` resumes after any reboot, not only after one that a task asked for.',
    ),
    reboot_command: commandWords().doc(
      'Command that reboots the host. With it, exit status 194 of a task asks for a reboot, after which the',
      'next task runs. Without it, 194 is a RETRY.',
    ),
    max_reboots: count(3).doc('Number of reboots in a row that a chain may ask for.'),
    keep_runs: count(30).doc('Number of runs that are kept for each task directory.'),
    log_limit: size('64M').doc(
      'Part of the output of one try that is kept: of a longer output, head and tail.',
    ),
    metrics_file: path().doc(
      "File for node_exporter's textfile collector, replaced at the beginning of a run, after each try and",
      'at the end.',
    ),
  },
  settings: values => values,
  adviseOn: key =>
    Object.hasOwn(taskOnly, key)
      ? `${key} belongs into the section of a task, such as [name-of-the-task]`
      : undefined,
})

function defaultStateDir(env: NodeJS.ProcessEnv): string {
  if (process.getuid?.() === 0) return '/var/lib/runner'
  return join(env.XDG_STATE_HOME || join(home(), '.local', 'state'), 'runner')
}

/** The home directory; a path that leads nowhere for a user without one, as in many containers. */
function home(): string {
  try {
    return homedir()
  } catch {
    return '/nonexistent'
  }
}
