import t from 'tap'
import { describe, describeEnding, durationText } from '../../src/report/describe.ts'

t.test('a duration is written for a person', async t => {
  const durations: [number, string][] = [
    [0, '0 ms'],
    [0.0042, '4 ms'],
    [1, '1 s'],
    [1.254, '1.25 s'],
    [12.34, '12.3 s'],
    [119.94, '119.9 s'],
    [185, '3 min 5 s'],
    [7440, '2 h 4 min'],
  ]
  for (const [value, text] of durations) t.equal(durationText(value), text)
})

t.test('an end is described by what says most about it', async t => {
  t.equal(describeEnding({ exit_code: 9 }), 'exit status 9')
  t.equal(describeEnding({ signal: 'SIGKILL' }), 'killed by SIGKILL')
  const failure = { reason: 'timed-out', max_time: 5 } as const
  t.equal(describeEnding({ signal: 'SIGTERM', failure }), 'ran longer than its max_time, 5 s')
  t.equal(describeEnding({ failure: { reason: 'not-started', message: 'x is empty' } }), 'x is empty')
})

t.test('processes that outlived SIGKILL are named, also when quiet', async t => {
  const lines = describe(
    {
      event: 'try:ended',
      task: 'a',
      name: 'a',
      kind: 'task',
      try_num: 1,
      outcome: 'RETRY',
      failure: { reason: 'not-ended', message: 'SIGKILL did not end 7 (dd)' },
      killed: [{ pid: 7, command: 'dd' }],
      survivors: [{ pid: 7, command: 'dd' }],
      started_at: '2026-01-31T06:00:00.000Z',
      duration_seconds: 1,
      log: { bytes: 0, lines: 0, left_out: 0 },
      last_lines: [],
    },
    'quiet',
  )
  t.match(
    lines.map(line => line.text),
    ['a: RETRY (SIGKILL did not end 7 (dd), 1 s)', /dd/, '  still alive: dd (pid 7)'],
  )
})
