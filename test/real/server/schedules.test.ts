/*
 * Schedules by the real program, under a wall clock that says what the test wants (faketime). On SQLite: a server with
 * PostgreSQL goes by the clock of that (postgres-schedules.test.ts).
 */
import type { Test } from 'tap'
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import type { Missed } from '../../../src/protocol/messages/schedules.ts'
import { clockFrom, faketime } from '../../support/fake-clock.ts'
import { type Said, say } from '../../support/operator.ts'
import { serverTest, sqlite, type TestServer } from '../../support/server.ts'

/** A server whose first start is at a time, and commands that have the same clock. */
function scheduleTest(
  title: string,
  at: string,
  body: (t: Test, server: TestServer, at: (time: string) => At) => Promise<void>,
): void {
  const before = ['env', ...Object.entries(clockFrom(at)).map(([name, value]) => `${name}=${value}`)]
  serverTest(t, title, { needs: [faketime], before, stores: [sqlite] }, (t, server) =>
    body(t, server, time => new At(server, clockFrom(time))),
  )
}

/** A server at a time. */
class At {
  readonly #server: TestServer
  readonly #env: Record<string, string>

  constructor(server: TestServer, env: Record<string, string>) {
    this.#server = server
    this.#env = env
  }

  /** Starts the server, which has been stopped, at this time. */
  async start(): Promise<void> {
    await this.#server.restartIn(this.#env)
  }

  runs(...args: string[]): Promise<Said> {
    return say(this.#server, args, { env: this.#env })
  }

  /** The executions of a job, the latest first, once there is one that was scheduled for a time. */
  async fired(job: string, scheduled: string): Promise<Execution[]> {
    for (;;) {
      const { json } = await this.#server.call('GET', `/v1/executions?job_name=${job}`)
      const items: Execution[] = json.items
      if (items.some(({ scheduled_for }) => scheduled_for === scheduled)) return items
      await systemClock.sleep(0.05)
    }
  }

  /** The times that were not fired, once there are any. */
  async missed(): Promise<Missed[]> {
    for (;;) {
      const { json } = await this.#server.call('GET', '/v1/missed')
      if (json.items.length > 0) return json.items
      await systemClock.sleep(0.05)
    }
  }
}

const put = ['job', 'put', 'nightly', '--image', 'builder:7', '--cron', '30 2 * * *']
const inBerlin = [...put, '--time-zone', 'Europe/Berlin']
const dist = ['--', 'make', 'dist']

scheduleTest(
  'a machine is off over the time: the job runs once, late, and says why',
  '2026-11-30 19:00:00',
  async (t, server, at) => {
    t.match(await at('2026-11-30 19:00:05').runs(...inBerlin, ...dist), {
      status: 0,
      err: /it runs next on Tue 1 Dec 2026 02:30 \(Europe\/Berlin\), in 6 h \d+ min\n$/,
    })
    t.equal(await server.stop(), 0)

    const morning = at('2026-12-03 07:42:00')
    await morning.start()
    const [late, ...others] = await morning.fired('nightly', '2026-12-03T01:30:00.000Z')
    t.match(late, { catch_up: 'outage', state: 'queued' })
    t.same(others, [])
    t.match((await morning.runs('ps')).out, /scheduled for 01:30, 6 h 1\d min late: no server ran/)
    t.match(
      (await morning.runs('show', late!.id)).out,
      /\nscheduled for +01:30, 6 h 1\d min late: no server ran\n/,
    )
    t.match(await morning.missed(), [
      {
        job: 'nightly',
        reason: 'outage',
        count: 2,
        from: '2026-12-01T01:30:00.000Z',
        to: '2026-12-02T01:30:00.000Z',
      },
    ])
    t.match(
      (await morning.runs('schedule', 'missed')).out,
      /\nnightly +2 times +2026-12-01 01:30:00 +2026-12-02 01:30:00 +no server ran\n$/,
    )
    t.match(
      (await morning.runs('schedule')).out,
      /\nnightly +30 2 \* \* \* Europe\/Berlin +Fri 4 Dec 2026 02:30 +in 17 h.* Thu 3 Dec 2026 02:30 +enabled\n\nNot fired lately;.*\n.*\nnightly +2 times /,
    )
    t.equal(await server.stop(), 0)

    await at('2026-12-03 08:00:00').start()
    const runner = await server.runner()
    t.equal((await runner.take()).execution_id, late!.id)
    t.equal((await server.call('GET', '/v1/executions')).json.items.length, 1, 'it does not run again')
  },
)

scheduleTest(
  'a time that the clocks leave out runs after the gap, and one that they show twice runs once',
  '2026-03-29 00:40:00',
  async (t, server, at) => {
    const before = at('2026-03-29 00:40:00')
    await before.runs(...inBerlin, ...dist)
    const steps = ['--image', 'builder:7', '--cron', '*/30 * * * *', '--time-zone', 'Europe/Berlin']
    await before.runs('job', 'put', 'ticks', ...steps, ...dist)
    const next = await before.runs('schedule', 'next', 'nightly', '--count', '1')
    t.match(
      next.out,
      /\nSun 29 Mar 2026 03:00 +Sun 29 Mar 2026 01:00 +in .*\n {2}The clocks of Europe\/Berlin leave/,
    )
    /** Starts the server at a time; the nights that nightly has run for, once ticks has run for a time. */
    const nights = async (start: string, ticked: string) => {
      t.equal(await server.stop(), 0)
      const now = at(start)
      await now.start()
      await now.fired('ticks', ticked)
      const { json } = await server.call('GET', '/v1/executions?job_name=nightly')
      return (json.items as Execution[]).map(({ scheduled_for }) => scheduled_for)
    }
    const gap = '2026-03-29T01:00:00.000Z'
    t.same(await nights('2026-03-29 01:00:05', gap), [gap])
    const first = '2026-10-25T00:30:00.000Z'
    t.same(await nights('2026-10-25 00:30:05', first), [first, gap])
    t.same(await nights('2026-10-25 01:30:05', '2026-10-25T01:30:00.000Z'), [first, gap], 'not a second time')
  },
)

// A test on a server has set less.
t.setTimeout(1_200_000)
