import { commandCondition, flagCondition, pathConditions, wordConditions } from '../condition.ts'
import { commandWords, count, factor, flag, names, oneOf, paths, seconds } from '../forms.ts'
import type { SettingsOf } from '../key.ts'
import { defineSection } from '../section.ts'

/** Keys of `[runner]` that a task's own section may set for that task. */
export const perTask = {
  max_time: seconds(600).fromBuildRunner().doc('Seconds a task may run; 0: for ever.'),
  max_tries: count(5).fromBuildRunner().doc('Number of tries before the run gives up.'),
  sleep_time: seconds(1).fromBuildRunner().doc('Least seconds between two tries.'),
  retry_jitter: seconds(30).fromBuildRunner().doc('Greatest random part of the seconds between two tries.'),
  backoff: factor(1.14).doc(
    'The wait before try n+1 is backoff^n × (sleep_time + a random part of retry_jitter) seconds.',
  ),
  kill_grace: seconds(10).doc('Seconds between SIGTERM and SIGKILL.'),
  interpreter: commandWords()
    .fromBuildRunner()
    .doc('Command that runs the tasks, for systems without hashbangs; in `[runner]` also the halt task.'),
}

/** Keys of a task's section alone. */
export const taskOnly = {
  depends_on: names().doc('Tasks that must be done before this one: file names or names.'),
  required: flag(true).doc(
    '`no`: a failure repeats this task alone, up to its `max_tries`. Then runner reports it, and the chain',
    'continues with the next task.',
  ),
  order: oneOf('name', 'free')
    .recent()
    .doc(
      '`name`: the task starts when all tasks before it are done. `free`: it waits only for the tasks of its',
      '`depends_on`, and for one of the `parallel` places.',
    ),
  exclusive: flag(false).recent().doc('`yes`: no other task is under way while this one is.'),
  run: oneOf('always', 'once', 'once-per-boot', 'once-per-instance', 'on-change')
    .recent()
    .doc(
      'How often the task runs: in each run (`always`); until it has succeeded `once`, in this boot, or on',
      'this instance of the host; or `on-change` of its file, or of a file of `watch`, since it last',
      'succeeded.',
    ),
  watch: paths().recent().doc('Files whose contents count for `run = on-change`, beside that of the task.'),
  condition_path_exists: pathConditions.doc(
    'The task is skipped if this path does not exist; with `!` before it, if it exists. Several paths are on',
    'lines of their own, and each condition must hold.',
  ),
  condition_first_boot: flagCondition.doc(
    '`yes`: the task is skipped if this is not the first boot of the host; `no`: if it is.',
  ),
  condition_kernel_command_line: wordConditions.doc(
    'The task is skipped if the command line of the kernel has neither this word nor an assignment to it, or',
    'not exactly this assignment; with `!` before it, if it has. Several are on lines of their own.',
  ),
  condition_command: commandCondition.doc(
    'The task is skipped if this command ends with one of the statuses 1 to 254; with `!` before it, if it',
    'ends with 0. Any other end is a failed try of the task. The command may run `hook_time` seconds.',
  ),
}

/** The section of a task. */
export const task = defineSection({ keys: { ...perTask, ...taskOnly }, settings: values => values })

/** The settings of the tries of one task. */
export type TrySettings = SettingsOf<typeof perTask>
export type TaskSettings = SettingsOf<typeof task.keys>
