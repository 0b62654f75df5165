/* Parts of answers of a server with nothing special about them, but for what a test says. */
import type { Execution } from '../../src/protocol/messages/executions.ts'
import type { AttachedSettings } from '../../src/protocol/messages/registration.ts'
import type { ScheduleView } from '../../src/protocol/messages/schedules.ts'

/** The settings of a runner that is attached. */
export const attachedSettings: AttachedSettings = {
  enabled: true,
  capacity: 4,
  eviction_time_seconds: 60,
  abort_timeout_seconds: 30,
  ping_interval_seconds: 10,
  reserve_wait_seconds: 50,
  confirm_within_seconds: 30,
  lease_seconds: 60,
  late_result_seconds: 86_400,
  max_output_bytes: 33_554_432,
}

/** A job that runs every night at 2:30 in Berlin. */
export const scheduleView = (job: string, more: Partial<ScheduleView> = {}): ScheduleView => ({
  job,
  namespace: 'default',
  text: '30 2 * * * Europe/Berlin',
  enabled: true,
  paused_at: null,
  schedule: { cron: '30 2 * * *', time_zone: 'Europe/Berlin' },
  scheduled_for: '2026-12-01T01:30:00.000Z',
  due_at: '2026-12-01T01:30:00.000Z',
  last_scheduled_for: null,
  ...more,
})

const id = '00000000-0000-4000-8000-000000000000'

/** A queued execution, as operators see it. */
export const shownExecution = (more: Partial<Execution> = {}): Execution => ({
  id,
  group: id,
  attempt: 1,
  job_name: null,
  namespace: 'default',
  kind: 'command',
  image: 'a',
  state: 'queued',
  success: null,
  created_at: '2026-01-01T00:00:00.000Z',
  started_at: null,
  finished_at: null,
  output: '',
  node_name: null,
  runner_id: null,
  runner_group: 'default',
  priority: 0,
  exit_code: null,
  reason: null,
  error_message: null,
  output_properties: null,
  comments: [],
  status_line: null,
  waiting_because: null,
  log: { length: 0, sha256: null, truncated: false, complete: false },
  ...more,
})
