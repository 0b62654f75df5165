/* Mistakes of people with schedules. Each message names the mistake, its place, and the way out. */
import t from 'tap'
import { inProcess } from '../../support/in-process.ts'
import { isSound, type Mistake, makeMistakes } from '../../support/mistakes.ts'
import { rigTest } from '../../support/rig.ts'
import { serverTest } from '../../support/server.ts'

const put = (...options: string[]) => ['job', 'put', 'x', '--image', 'i', ...options, '--', 'true']

/** Mistakes that the parser of the command line refuses: it ends the program. */
const ofTheLine: Record<string, Mistake> = {
  'the pattern is not quoted': {
    args: put('--cron', '30', '2', '*', '*', '*'),
    status: 64,
    says: [/The pattern is one argument of five fields, in quotes: --cron '30 2 \* \* \*'\./],
  },
  'the time is a word': {
    args: put('--at', 'tomorrow'),
    status: 64,
    says: [
      /'--at <time>' cannot be 'tomorrow'\. It must be a time: '2026-12-24 18:00' on the clocks of --time-zone/,
    ],
  },
  'a submit gets a schedule': {
    args: ['submit', '--image', 'i', '--cron', '@daily', '--', 'true'],
    status: 64,
    says: [/--cron is an option of `runner job put`, .* by itself; `runner submit` runs a job once, now/],
  },
  'a submit gets a word of a schedule without a value': {
    args: ['submit', '--image', 'i', '--disable-schedule', '--', 'true'],
    status: 64,
    says: [/--disable-schedule is an option of `runner job put`/],
  },
  'a submit gets a misspelt option': {
    args: ['submit', '--image', 'i', '--cro', '@daily', '--', 'true'],
    status: 64,
    says: [/unknown option '--cro'$/m],
  },
  'a word of the group is misspelt': {
    args: ['schedule', 'puase'],
    status: 64,
    says: [/schedule has no command puase; did you mean schedule pause\?/],
  },
}

const mistakes: Record<string, Mistake> = {
  'the zone is misspelt': {
    args: put('--cron', '30 2 * * *', '--time-zone', 'Europe/Berln'),
    status: 64,
    says: [/no time zone is called `Europe\/Berln`: did you mean `Europe\/Berlin`\?/],
  },
  'the zone is an abbreviation': {
    args: put('--cron', '30 2 * * *', '--time-zone', 'CEST'),
    status: 64,
    says: [/no time zone is called `CEST`: /],
  },
  'the pattern has seven fields': {
    args: put('--cron', '* * * * * * *'),
    status: 77,
    says: [/has five fields \(minute, hour, .*\), or six with seconds before them: this has 7/],
  },
  'the hour is 25': {
    args: put('--cron', '0 25 * * *'),
    status: 77,
    says: [/`25` in `0 25 \* \* \*` is no hour \(0 to 23\)/],
  },
  'the day is the 31st of February': {
    args: put('--cron', '0 0 31 2 *'),
    status: 77,
    says: [/`0 0 31 2 \*` never comes/],
  },
  'the time is past': {
    args: put('--at', '2020-01-01 12:00'),
    status: 77,
    says: [/at \(2020-01-01T12:00:00\.000Z\) is in the past/],
  },
  'a pattern and an interval are given': {
    args: put('--cron', '@daily', '--every', '15m'),
    status: 64,
    says: [/a schedule has one of --cron, --every and --at: leave out --every/],
  },
  'a zone is given, and no time': {
    args: put('--time-zone', 'Europe/Berlin'),
    status: 64,
    says: [/--time-zone is for a schedule: say when the job runs, by --cron, --every or --at/],
  },
  'the jitter is longer than the interval': {
    args: put('--every', '1m', '--jitter', '2m'),
    status: 77,
    says: [/jitter_seconds \(120\) is more than every\.seconds \(60\)/],
  },
  'a blackout has no duration': {
    args: put('--cron', '@daily', '--blackout', '0 22 * * 5'),
    status: 64,
    says: [/--blackout '0 22 \* \* 5': write a pattern and a duration, such as '0 22 \* \* 5 for 12h'/],
  },
  'a blackout leaves nothing': {
    args: put('--cron', '@daily', '--blackout', '@daily for 1h'),
    status: 77,
    says: [/a blackout leaves nothing/],
  },
  'a job that is not there is paused': {
    args: ['schedule', 'pause', 'nightli'],
    status: 7,
    says: [/no job nightli; did you mean nightly\?/],
  },
  'an empty variable is paused': {
    args: ['schedule', 'pause', ''],
    status: 64,
    says: [/the name of the job is empty; leave it out for all jobs/],
  },
  'next times are asked of a job that has none': {
    args: ['schedule', 'next', 'nightly'],
    status: 7,
    says: [/job nightly has no schedule: put it with one \(--cron, --every or --at\)/],
  },
  'what was missed is asked of a job that is not there': {
    args: ['schedule', 'missed', 'nightli'],
    status: 7,
    says: [/no job nightli; did you mean nightly\?/],
  },
}

rigTest(t, 'mistakes with schedules on the command line', {}, (t, rig) => makeMistakes(t, rig, ofTheLine))

serverTest(t, 'mistakes with schedules', {}, async (t, server) => {
  await server.call('PUT', '/v1/jobs/nightly', { body: { image: 'img' } })
  const RUNNER_SERVER_TOKEN_FILE = server.rig.path('state', 'server', 'admin.token')
  const env = { RUNNER_SERVER: server.url, RUNNER_SERVER_TOKEN_FILE }
  for (const [title, { args, status, says }] of Object.entries(mistakes))
    await t.test(title, async t => {
      const said = await inProcess(args, env)
      t.equal(said.status, status, said.err)
      isSound(t, said.err)
      for (const words of says) t.match(said.err, words)
    })
  t.equal((await server.call('GET', '/v1/jobs')).json.length, 1, 'nothing was defined')
})
