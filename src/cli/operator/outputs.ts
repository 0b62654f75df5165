import { AuditEntry } from '../../protocol/messages/audit.ts'
import { Execution, ListedExecution } from '../../protocol/messages/executions.ts'
import { Group } from '../../protocol/messages/groups.ts'
import { Restored, ShownJob } from '../../protocol/messages/jobs.ts'
import { Notification, NotifyTarget, NotifyTest } from '../../protocol/messages/notifications.ts'
import { Runner } from '../../protocol/messages/runners.ts'
import { Missed, NextTimes, Paused, ScheduleView } from '../../protocol/messages/schedules.ts'
import { Settings } from '../../protocol/messages/settings.ts'
import { JobStats } from '../../protocol/messages/stats.ts'
import { Token, TokenCreated } from '../../protocol/messages/tokens.ts'
import {
  type CommandOutputs,
  either,
  list,
  nothing,
  type Output,
  object,
  text,
  whole,
} from '../json-schema.ts'

const execution: Output = {
  about: 'The execution: as it was made, or with `--wait` as it ended.',
  schema: Execution,
}
const node: Output = { about: 'The node as it is now.', schema: Runner }
const paused: Output = {
  about: 'The schedule of the job; without a job, the schedules that the pause is about.',
  schema: either(ScheduleView, Paused),
}
const group: Output = { about: 'The group as it is now.', schema: Group }

/** The schemas of the output of `--json`, for each command to a server. */
export const outputs: CommandOutputs = {
  submit: execution,
  'job put': { about: 'The definition, its secrets sealed.', schema: ShownJob },
  'job list': { about: 'The definitions of all jobs, their secrets sealed.', schema: list(ShownJob) },
  'job show': { about: 'The definition, its secrets sealed.', schema: ShownJob },
  'job stats': {
    about: 'How the latest runs of the job have ended, and how long they took.',
    schema: JobStats,
  },
  'job delete': { about: 'The name of the job.', schema: object({ deleted: text }) },
  'job run': execution,
  'schedule list': {
    about: 'Schedules, the next first; `scheduled_for` is null where no time comes any more.',
    schema: list(ScheduleView),
  },
  'schedule next': {
    about: 'The next times of a job; `local` is that of the clocks in its zone.',
    schema: NextTimes,
  },
  'schedule missed': { about: 'Times that were not fired, the latest first.', schema: list(Missed) },
  'schedule pause': paused,
  'schedule resume': paused,
  ps: {
    about: 'Executions, the latest first; with `--watch` again every 2 s.',
    schema: list(ListedExecution),
  },
  show: { about: 'All that is known of the execution.', schema: Execution },
  abort: { about: 'The executions that have been aborted, or asked to end.', schema: list(Execution) },
  rerun: execution,
  page: { about: 'The link, and until when it is good.', schema: object({ url: text, expires_at: text }) },
  'node list': { about: 'The nodes.', schema: list(Runner) },
  'node enable': node,
  'node disable': node,
  'node delete': { about: 'The id of the node.', schema: object({ deleted: text }) },
  'node undelete': node,
  'node set': node,
  'node taint': node,
  'node untaint': node,
  'node capacity': node,
  'group list': { about: 'The groups.', schema: list(Group) },
  'group mode': group,
  'group leader': {
    about: 'The node that leads the group; null where none does.',
    schema: either(nothing, Runner),
  },
  'group pin': group,
  'group unpin': group,
  'token create': {
    about: 'The token with its text, this one time; without it where `--out` names a file for it.',
    schema: either(TokenCreated, Token),
  },
  'token list': { about: 'The tokens, without their texts.', schema: list(Token) },
  'token revoke': { about: 'The id of the token.', schema: object({ revoked: text }) },
  whoami: { about: 'The token that the command uses, without its text.', schema: Token },
  'settings show': { about: 'The rules and quotas of namespaces.', schema: Settings },
  'settings put': { about: 'The rules and quotas that are in force now.', schema: Settings },
  'notify list': { about: 'Notifications, the latest first.', schema: list(Notification) },
  'notify targets': {
    about: 'The targets that jobs can name, without addresses.',
    schema: list(NotifyTarget),
  },
  'notify test': { about: 'Whether the target has taken the test message.', schema: NotifyTest },
  'audit list': { about: 'Entries, the latest first.', schema: list(AuditEntry) },
  'audit verify': {
    about: 'How many entries were checked, the number of the last one, and where the chain is broken first.',
    schema: object({
      checked: whole,
      last: whole,
      breaks: whole,
      broken: either(nothing, object({ number: whole, detail: text })),
    }),
  },
  backup: {
    about: 'The definitions, on one line; or, where a file is named for them, that file and their number.',
    schema: either(list(ShownJob), object({ file: text, jobs: whole })),
  },
  restore: { about: 'How many jobs have been defined.', schema: Restored },
}
