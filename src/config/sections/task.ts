import { commandWords, count, factor, flag, names, seconds } from '../forms.ts'
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
}

/** The section of a task. */
export const task = defineSection({ keys: { ...perTask, ...taskOnly }, settings: values => values })

/** The settings of the tries of one task. */
export type TrySettings = SettingsOf<typeof perTask>
export type TaskSettings = SettingsOf<typeof task.keys>
