import t from 'tap'
import type { Execution } from '../../src/protocol/messages/executions.ts'
import { activeText, executionsText, executionText } from '../../src/report/executions.ts'
import { shownExecution } from '../support/answers.ts'

// Local time is that of the zone in which the tests run.
const at = (clock: string) => new Date(`2026-12-01T${clock}`).toISOString()
const now = new Date('2026-12-01T12:00:00')

const scheduled: Execution = shownExecution({
  id: '0199f3c2-7a1b-7000-8000-000000000000',
  group: '0199f3c2-7a1b-7000-8000-000000000000',
  job_name: 'nightly',
  image: 'builder:7',
  state: 'running',
  created_at: at('08:42:00'),
  output: 'making\n',
  node_name: 'build-3',
  log: { length: 0, sha256: null, truncated: false, complete: true },
  scheduled_for: at('02:30:00'),
  catch_up: 'outage',
})
const late = 'scheduled for 02:30, 6 h 12 min late: no server ran'

t.test('a run that is late says when it was due, and why it is late', t => {
  t.match(activeText([scheduled], now), new RegExp(`${late}; making\n$`))
  const failed: Execution = { ...scheduled, state: 'failed', error_message: 'it ended with exit status 2' }
  t.match(executionsText([failed], now), new RegExp(`${late}; it ended with exit status 2\n$`))
  t.match(executionText(failed, now), /\nscheduled for +02:30, 6 h 12 min late: no server ran\n/)
  const again = { ...scheduled, attempt: 2, scheduled_for: new Date('2026-11-30T02:30:15').toISOString() }
  t.match(activeText([again], now), /scheduled for 2026-11-30 02:30:15, late: no server ran; making\n$/)
  t.end()
})

t.test('a run in time is listed as any other', t => {
  const inTime: Execution = { ...scheduled, created_at: at('02:30:00'), catch_up: null }
  t.match(activeText([inTime], now), /build-3 +making\n$/)
  t.match(executionText(inTime, now), /\nscheduled for +02:30\nmade +2026-12-01 02:30:00\n/)
  t.notMatch(executionText({ ...inTime, scheduled_for: null }, now), 'scheduled')
  t.end()
})
