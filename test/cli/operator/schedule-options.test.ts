import { Command } from '@commander-js/extra-typings'
import t from 'tap'
import type { NewCommand } from '../../../src/cli/define-command.ts'
import { addScheduleOptions, withSchedule } from '../../../src/cli/operator/schedule-options.ts'
import type { JobBody } from '../../../src/protocol/messages/jobs.ts'

const image = 'builder:7'

/** The definition that options make of one, or the message about them. */
function made(args: string[], body: Partial<JobBody> = {}) {
  const command = addScheduleOptions(new Command() as NewCommand)
  command.exitOverride().configureOutput({ writeErr: () => {} })
  try {
    command.parse(args, { from: 'user' })
  } catch (error) {
    return (error as Error).message
  }
  const scheduled = withSchedule({ image, ...body }, command.opts())
  return scheduled.ok ? scheduled.value : scheduled.failure
}

t.test('options make a schedule', t => {
  t.same(made([]), { image })
  t.same(made(['--cron', '30 2 * * *', '--time-zone', 'Europe/Berlin']), {
    image,
    schedule: { cron: '30 2 * * *', time_zone: 'Europe/Berlin' },
  })
  t.same(made(['--cron', '0 6 * * 1-5', '--cron', '@daily', '--jitter', '5m']), {
    image,
    schedule: { cron: ['0 6 * * 1-5', '@daily'], jitter_seconds: 300 },
  })
  const more = ['--catch-up', 'all', '--catch-up-window', 'forever', '--dst-gap', 'skip']
  t.same(made(['--every', '15m', ...more, '--dst-overlap', 'both', '--disable-schedule']), {
    image,
    schedule: {
      every: { seconds: 900 },
      catch_up: 'all',
      catch_up_window_seconds: null,
      dst_gap: 'skip',
      dst_overlap: 'both',
      enabled: false,
    },
  })
  t.end()
})

t.test('times are those of the clocks in the zone, or have an offset', t => {
  const at = (text: string, ...more: string[]) => {
    const body = made(['--at', text, ...more])
    return typeof body === 'string' ? body : body.schedule?.at
  }
  t.equal(at('2026-12-24 18:00', '--time-zone', 'Europe/Berlin'), '2026-12-24T17:00:00.000Z')
  t.equal(at('2026-12-24T18:00'), '2026-12-24T18:00:00.000Z')
  t.equal(at('2026-12-24'), '2026-12-24T00:00:00.000Z')
  t.equal(at('2026-12-24T18:00:00+05:30'), '2026-12-24T12:30:00.000Z')
  const [before, after] = [Date.now(), Date.parse(at('+2h')!) - 7_200_000]
  t.ok(after >= before - 1 && after <= Date.now(), 'so far ahead')
  t.match(at('2026-02-31 18:00'), /It must be a time: '2026-12-24 18:00' on the clocks/)
  t.match(at('tomorrow'), /It must be a time/)
  const bounds = ['--starts-at', '2026-12-01', '--ends-at', '2027-01-01', '--time-zone', 'Asia/Tokyo']
  t.match(made(['--cron', '@daily', ...bounds]), {
    schedule: { starts_at: '2026-11-30T15:00:00.000Z', ends_at: '2026-12-31T15:00:00.000Z' },
  })
  t.end()
})

t.test('options change the schedule of a file', t => {
  const own = { schedule: { cron: '30 2 * * *', time_zone: 'Europe/Berlin', catch_up: 'none' as const } }
  t.match(made(['--jitter', '60'], own), { schedule: { ...own.schedule, jitter_seconds: 60 } })
  t.same(made(['--every', '1h'], own), {
    image,
    schedule: { every: { seconds: 3600 }, time_zone: 'Europe/Berlin', catch_up: 'none' },
  })
  t.same(made(['--no-schedule'], { ...own, blackouts: [] }), { image })
  t.same(made([], own), { image, ...own })
  t.end()
})

t.test('blackouts are a pattern and a duration', t => {
  const cron = ['--cron', '@hourly', '--time-zone', 'Europe/Berlin']
  t.match(made([...cron, '--blackout', '0 22 * * 5 for 12h', '--blackout', '0 0 * * 0 for 1d in UTC']), {
    blackouts: [
      { cron: '0 22 * * 5', duration_seconds: 43_200, time_zone: 'Europe/Berlin' },
      { cron: '0 0 * * 0', duration_seconds: 86_400, time_zone: 'UTC' },
    ],
  })
  for (const text of ['0 22 * * 5', '0 22 * * 5 for long', 'for 2h'])
    t.match(made([...cron, '--blackout', text]), /^--blackout '.*': write a pattern and a duration, such as/)
  t.end()
})

t.test('options that contradict each other are refused', t => {
  t.equal(
    made(['--cron', '@daily', '--every', '1h']),
    'a schedule has one of --cron, --every and --at: leave out --every',
  )
  t.equal(
    made(['--time-zone', 'Europe/Berlin']),
    '--time-zone is for a schedule: say when the job runs, by --cron, --every or --at',
  )
  t.match(made(['--no-schedule', '--cron', '@daily']), /^--cron is of no use with --no-schedule/)
  t.match(made(['--no-schedule', '--jitter', '5']), /^--jitter is of no use with --no-schedule/)
  t.match(made(['--cron', '@daily', '--time-zone', 'Europe/Berln']), /did you mean `Europe\/Berlin`\?/)
  t.match(made(['--cron', '30', '2']), /The pattern is one argument of five fields, in quotes/)
  // A file of a user can have anything there.
  t.match(made(['--cron', '@daily'], { schedule: 5 as never }), { schedule: { cron: '@daily' } })
  t.end()
})
