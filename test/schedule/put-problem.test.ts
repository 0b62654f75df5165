import t from 'tap'
import type { BlackoutRule } from '../../src/schedule/blackouts.ts'
import { putProblem } from '../../src/schedule/put-problem.ts'
import type { ScheduleRule } from '../../src/schedule/schedule.ts'
import { blackouts, instant, plan } from '../support/schedules.ts'

const now = instant('2026-05-01T12:00:00Z')
const problem = (schedule: ScheduleRule, rules: BlackoutRule[] = [], before?: ScheduleRule | null) =>
  putProblem(plan(schedule), blackouts(...rules), now, before)

t.test('a past time is refused, unless it stood there before', async t => {
  const past: ScheduleRule = { at: '2026-05-01T12:00:00Z' }
  t.equal(problem(past), 'at (2026-05-01T12:00:00Z) is in the past')
  t.equal(problem(past, [], null), 'at (2026-05-01T12:00:00Z) is in the past')
  t.equal(problem(past, [], { at: '2026-05-01T11:00:00Z' }), 'at (2026-05-01T12:00:00Z) is in the past')
  t.equal(problem(past, [], past), undefined)
  t.equal(problem({ at: '2026-05-01T12:00:00.001Z' }), undefined)
  const ended: ScheduleRule = { cron: '0 0 * * *', ends_at: '2026-04-01T00:00:00Z' }
  t.equal(problem(ended), 'ends_at (2026-04-01T00:00:00Z) is in the past')
  t.equal(problem(ended, [], ended), undefined)
})

t.test('blackouts that leave nothing are refused', async t => {
  const always = { cron: '0 * * * *', duration_seconds: 3600 }
  t.match(problem({ cron: '* * * * *' }, [always]), /^a blackout leaves nothing/)
  t.match(problem({ cron: '30 2 * * *' }, [{ cron: '0 2 * * *', duration_seconds: 3600 }]), /leaves nothing/)
  t.match(
    problem({ at: '2026-05-02T10:30:00Z' }, [{ cron: '0 10 * * *', duration_seconds: 3600 }]),
    /leaves nothing/,
  )
  t.equal(problem({ cron: '30 2 * * *' }, [{ cron: '0 2 * * 1-5', duration_seconds: 3600 }]), undefined)
  t.equal(problem({ cron: '* * * * * *' }, [{ cron: '0 8 * * *', duration_seconds: 12 * 3600 }]), undefined)
})

t.test('jitter beyond the time from one run to the next is refused', async t => {
  t.equal(
    problem({ cron: '*/5 * * * *', jitter_seconds: 301 }),
    'jitter_seconds (301) is more than the time from one run to the next (300 seconds)',
  )
  t.equal(problem({ cron: '*/5 * * * *', jitter_seconds: 300 }), undefined)
  t.equal(problem({ cron: '0,5 3 * * *', jitter_seconds: 3600 }), undefined, 'there is room after the second')
  t.equal(problem({ at: '2026-05-02T00:00:00Z', jitter_seconds: 86_400 }), undefined)
})
