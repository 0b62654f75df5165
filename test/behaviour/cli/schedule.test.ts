import t from 'tap'
import type { Job } from '../../../src/protocol/messages/jobs.ts'
import { inProcess } from '../../support/in-process.ts'
import { serverTest } from '../../support/server.ts'

serverTest(t, 'what runs by itself is put, listed and paused', {}, async (t, server) => {
  const RUNNER_SERVER_TOKEN_FILE = server.rig.path('state', 'server', 'admin.token')
  const env = { RUNNER_SERVER: server.url, RUNNER_SERVER_TOKEN_FILE }
  const say = (...argv: string[]) => inProcess(argv, env)
  const put = (name: string, ...options: string[]) =>
    say('job', 'put', name, '--image', 'builder:7', ...options, '--', 'make', 'dist')
  const defined = async (name: string): Promise<Job> => (await server.call('GET', `/v1/jobs/${name}`)).json

  t.match(await say('schedule'), { status: 0, out: 'no job has a schedule\n' })
  t.match(await put('nightly', '--cron', '30 2 * * *', '--time-zone', 'Europe/Berlin'), {
    status: 0,
    err: /^runner: job nightly is defined; it runs next on \w{3} \d+ \w{3} \d{4} 02:30 \(Europe\/Berlin\), in \d+ .*\n$/,
  })
  t.match((await defined('nightly')).schedule, { cron: '30 2 * * *', time_zone: 'Europe/Berlin' })
  t.match(await put('later', '--every', '1h', '--starts-at', '2100-01-01'), {
    err: /it runs next on Fri 1 Jan 2100 00:00 \(UTC\), in \d+ days\n$/,
  })
  t.match(await put('off', '--cron', '@daily', '--disable-schedule'), {
    err: 'runner: job off is defined; its schedule is disabled, and `runner submit off` runs it\n',
  })
  t.match(await put('by-hand'), { err: 'runner: job by-hand is defined; `runner submit by-hand` runs it\n' })

  const listed = await say('schedule')
  t.match(
    listed.out,
    /^job +schedule +next +last +state\nnightly +30 2 \* \* \* Europe\/Berlin +\w{3} .* 02:30 +in .* enabled\nlater +every 1 h +Fri 1 Jan 2100 00:00 +in \d+ days +enabled\noff +0? ?.* disabled\n$/,
  )
  t.match(
    (await say('job', 'list')).out,
    /^job +runs .* retries +schedule +next\nby-hand +make dist .* 0\nlater .* every 1 h +Fri 1 Jan 2100 00:00\nnightly .* 30 2 \* \* \* Europe\/Berlin +\w{3} .* 02:30\noff .* @daily UTC +disabled\n$/,
  )
  t.match(await say('schedule', 'list', '--limit', '1'), {
    out: /^job .*\nnightly .*\n$/,
    err: 'runner: these are the next 1 of 3; --limit lists more\n',
  })
  t.match(
    (await say('schedule', 'next', 'nightly', '--count', '2')).out,
    /^Europe\/Berlin +UTC\n\w{3} .* 02:30 +\w{3} .* 0[01]:30 +in .*\n\w{3} .* 02:30 .*\n$/,
  )
  t.match(await say('schedule', 'missed', 'nightly'), { status: 0, out: 'no missed time is on record\n' })

  t.match(await say('schedule', 'pause', 'nightly'), {
    err: 'runner: the schedule of nightly is paused; `runner schedule resume nightly` ends that\n',
  })
  t.match((await say('schedule')).out, /\nnightly +30 .* paused since 2\d{3}-/)
  t.match((await say('job', 'list')).out, /\nnightly .* 30 2 \* \* \* Europe\/Berlin +paused\n/)
  t.match(await say('schedule', 'pause'), {
    err: 'runner: all schedules are paused; `runner schedule resume` ends that\n',
  })
  t.match(await say('schedule', 'resume', 'nightly'), {
    err: /^runner: the schedule of nightly is still paused, with all others since 2\S+ \S+; `runner schedule resume` ends that\n$/,
  })
  t.match(await say('schedule', 'resume'), { err: 'runner: all schedules are resumed\n' })
  t.match((await say('schedule')).out, /\nnightly +30 .* enabled\n/)
  t.match(await say('schedule', 'pause', '--namespace', 'default'), {
    err: 'runner: the schedules of namespace default are paused; `runner schedule resume --namespace default` ends that\n',
  })
  t.match(await say('schedule', 'resume', '--namespace', 'default'), {
    err: 'runner: the schedules of namespace default are resumed\n',
  })

  t.match(await put('nightly'), { err: /`runner submit nightly` runs it\n$/ })
  t.notOk((await defined('nightly')).schedule, 'a put replaces the whole definition')
})

serverTest(
  t,
  'the schedule of a file can be changed, left out, and is none of a submit',
  {},
  async (t, server) => {
    const RUNNER_SERVER_TOKEN_FILE = server.rig.path('state', 'server', 'admin.token')
    const env = { RUNNER_SERVER: server.url, RUNNER_SERVER_TOKEN_FILE }
    const body = { image: 'img', schedule: { cron: '30 2 * * *', time_zone: 'Europe/Berlin' } }
    const file = server.rig.file('job.json', JSON.stringify(body))
    const put = (...options: string[]) => inProcess(['job', 'put', 'x', '--file', file, ...options], env)
    const schedule = async () => (await server.call('GET', '/v1/jobs/x')).json.schedule
    t.match(await put('--jitter', '10m'), {
      status: 0,
      err: / 02:30 \(Europe\/Berlin\), in .* with its jitter\n$/,
    })
    t.match(await schedule(), { ...body.schedule, jitter_seconds: 600 })
    t.match(await put('--no-schedule'), { status: 0 })
    t.notOk(await schedule())
    t.match(await inProcess(['submit', '--file', file], env), { status: 0 })
  },
)
