/* The keys of `[runner]` and of the sections of tasks. */
import { type Key, kind } from './kinds.ts'

/** Keys of `[runner]` that a task's own section may set for that task. */
export const perTask = {
  max_time: { $ref: kind('seconds'), default: '600', description: 'Seconds a task may run; 0: for ever.' },
  max_tries: { $ref: kind('count'), default: '5', description: 'Tries before giving up.' },
  sleep_time: { $ref: kind('seconds'), default: '1', description: 'Seconds, least wait between tries.' },
  retry_jitter: {
    $ref: kind('seconds'),
    default: '30',
    description: 'Seconds, upper bound of the random part of the wait.',
  },
  backoff: {
    $ref: kind('factor'),
    default: '1.14',
    description:
      'The wait before try n+1 is backoff^n × (sleep_time + a random part of retry_jitter) seconds.',
  },
  kill_grace: {
    $ref: kind('seconds'),
    default: '10',
    description: 'Seconds between SIGTERM and SIGKILL.',
  },
  interpreter: {
    $ref: kind('command'),
    description:
      'Command to run tasks with, for systems without hashbangs; in `[runner]` also for the halt task.',
  },
} as const satisfies Record<string, Key>

/** Keys of `[runner]` alone. */
export const runnerOnly = {
  retry_from: {
    $ref: kind('choice'),
    default: 'beginning',
    description:
      'Where a new try begins: with the first task (`beginning`), or with the task that failed (`failed`).',
  },
  halt_task: {
    $ref: kind('path'),
    default: 'halt.sh',
    description: 'The halt task, a file in the task directory. It is no task of the chain.',
  },
  task_hook: {
    $ref: kind('command'),
    description: 'Command that runs before and after each try, with the stats as JSON for its last argument.',
  },
  hook_time: { $ref: kind('seconds'), default: '60', description: 'Seconds a hook may run; 0: for ever.' },
  include_dir: { $ref: kind('path'), description: 'Directory of further configuration files.' },
  compatible: {
    $ref: kind('flag'),
    default: 'no',
    description:
      '`yes`: the stats of the hook before a try have `"result": "RUNNING"`, as in the code of build-runner.',
  },
  task_dir: {
    $ref: kind('path'),
    default: 'tasks.d',
    description: 'Where the tasks are. A directory on the command line comes first.',
  },
  state_dir: {
    $ref: kind('path'),
    description:
      'Where runner keeps its records, mode 0700. Without it `/var/lib/runner` for root, for others `$XDG_STATE_HOME/runner`, else `~/.local/state/runner`. Not writable: a temporary one, with a warning.',
  },
  min_free: {
    $ref: kind('size'),
    default: '64M',
    description: 'Free disk below which old runs go first, and then output is shown but not kept.',
  },
  resume_across_boots: {
    $ref: kind('flag'),
    default: 'no',
    description: '`run --resume` goes on after any reboot, not only after one that a task asked for.',
  },
  reboot_command: {
    $ref: kind('command'),
    description:
      'Command that reboots the host. With it a status of 194 of a task asks for a reboot and for going on with the next task after it; without it 194 is a RETRY like any other.',
  },
  max_reboots: {
    $ref: kind('count'),
    default: '3',
    description: 'Reboots in a row that a chain may ask for.',
  },
  keep_runs: { $ref: kind('count'), default: '30', description: 'Runs of a task directory that are kept.' },
  log_limit: {
    $ref: kind('size'),
    default: '64M',
    description: 'How much of the output of one try is kept; of more, head and tail.',
  },
  metrics_file: {
    $ref: kind('path'),
    description:
      "File for node_exporter's textfile collector, written anew when a run begins, after each try and at its end.",
  },
} as const satisfies Record<string, Key>

/** Keys of a task's section alone. */
export const taskOnly = {
  depends_on: {
    $ref: kind('names'),
    description: 'Tasks that must be done before this one: file names or names, with commas between them.',
  },
  required: {
    $ref: kind('flag'),
    default: 'yes',
    description:
      '`no`: a failure repeats this task alone, up to its `max_tries`, and is then reported, and the chain goes on as if it were done.',
  },
} as const satisfies Record<string, Key>
