/*
 * A PostgreSQL whose connections are cut, and which is killed, while a server is used: the server goes on, nothing that
 * was acknowledged is lost or done twice, and each call is answered, at worst with 503.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import type { Reservation } from '../../../src/protocol/messages/reservations.ts'
import { PostgresServer, postgresNeeds } from '../../support/postgres.ts'
import { PostgresProxy } from '../../support/postgres-proxy.ts'
import { testWith } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'
import { type Answered, type TestRunner, TestServer } from '../../support/server.ts'
import { runs } from '../../support/tier.ts'

/** The number of times that each kind of outage happens. */
const rounds = runs(3)
t.setTimeout(120_000 + rounds * 60_000)

const said = 'said\n'

/** Those who use a server: they submit, read and run, until they are to stop. */
class Load implements AsyncDisposable {
  readonly ids = new Set<string>()
  /** Answers that no outage explains. */
  readonly odd: string[] = []
  readonly #server: TestServer
  readonly #stop = new AbortController()
  readonly #loops: Promise<void>[] = []
  #given = false
  #served = Promise.withResolvers<void>()

  constructor(server: TestServer, runners: readonly TestRunner[]) {
    this.#server = server
    for (let count = 0; count < 4; count++) this.#loops.push(this.#repeat(() => this.#submit()))
    for (let count = 0; count < 6; count++) this.#loops.push(this.#repeat(() => this.#read()))
    for (const runner of runners) this.#loops.push(this.#run(runner))
  }

  /** Resolves when something that was asked from now on has been submitted. */
  serves(): Promise<void> {
    this.#served = Promise.withResolvers()
    return Promise.race([this.#served.promise, Promise.all(this.#loops).then(() => {})])
  }

  /** Lets all that has been begun come to its end. */
  async end(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#loops)
  }

  /** Gives up what is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#given = true
    this.#stop.abort()
    await Promise.allSettled(this.#loops)
  }

  async #repeat(work: () => Promise<unknown>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await work()
      // Without pauses they only take the processor from each other.
      await systemClock.sleep(0.01, this.#stop.signal)
    }
  }

  /** Makes a call until an answer says more than that the server cannot do it now. */
  async #until(call: () => Promise<Answered>, ...fine: number[]): Promise<Answered | undefined> {
    for (;;) {
      const { exitCode, signalCode } = this.#server.run.child
      if (this.#given) throw new Error('it was given up')
      if (exitCode !== null || signalCode !== null)
        throw new Error(`the server has ended: ${this.#server.run.text.slice(-3000)}`)
      let answer: Answered
      try {
        answer = await call()
      } catch (error) {
        // A log is sent as it is read: its answer has begun when the reading fails.
        if (!String(error).includes('terminated')) this.odd.push(String(error))
        continue
      }
      if (fine.includes(answer.status)) return answer
      if (answer.status !== 503 || answer.headers.get('retry-after') === null)
        this.odd.push(`${answer.status} ${answer.text.slice(0, 200)}`)
      if (answer.status !== 503) return undefined
      // Retry-After is in seconds; earlier calls would only make more load.
      await systemClock.sleep(0.02)
    }
  }

  async #submit(): Promise<void> {
    const served = this.#served
    const headers = { 'idempotency-key': randomUUID() }
    const made = await this.#until(
      () => this.#server.call('POST', '/v1/executions', { body: { image: 'img' }, headers }),
      201,
    )
    if (made === undefined) return
    this.ids.add((made.json as Execution).id)
    served.resolve()
  }

  async #read(): Promise<void> {
    const paths = ['/v1/executions?limit=100', '/v1/runners', '/v1/busy']
    const [id] = [...this.ids].slice(-5)
    if (id !== undefined) paths.push(`/v1/executions/${id}`, `/v1/executions/${id}/log`)
    for (const path of paths) await this.#until(() => this.#server.call('GET', path), 200, 404)
  }

  /** Runs what there is, and goes on until nothing is left of it. */
  async #run(runner: TestRunner): Promise<void> {
    const execute = async (reservation: Reservation) => {
      // A reservation need not outlive a crash of the database: the execution waits again (409), or the other runner has
      // been handed it since (403).
      const confirmed = await this.#until(() => runner.confirm(reservation), 204, 403, 409)
      if (confirmed?.status !== 204) return
      runner.holds.add(reservation.execution_id)
      await this.#until(() => runner.log(reservation, 0, said), 200, 409)
      const log = { log_length: said.length, log_sha256: saidSha256 }
      await this.#until(() => runner.result(reservation, log), 204)
      runner.holds.delete(reservation.execution_id)
    }
    for (;;) {
      const stopping = this.#stop.signal.aborted
      const answer = await this.#until(() => runner.reserve(stopping ? 0 : 1, 4), 200, 204)
      if (answer?.status === 200) await Promise.all((answer.json.executions as Reservation[]).map(execute))
      else if (stopping) return
    }
  }
}

/** SHA-256 of `said`. */
const saidSha256 = process.getBuiltinModule('node:crypto').hash('sha256', said)

testWith(t, 'a server whose PostgreSQL is away', postgresNeeds, async t => {
  t.setTimeout(120_000 + rounds * 60_000)
  await using postgres = await PostgresServer.start()

  await rigTest(
    t,
    'neither cut connections nor a killed PostgreSQL end a server in use',
    {},
    async (t, rig) => {
      const database = await postgres.newDatabase('used')
      await using proxy = await PostgresProxy.start(postgres.port)
      const keys = `listen = 127.0.0.1:0\nlease_seconds = 20\nkey_file = key\ndatabase = ${proxy.url(database)}\n`
      rig.configure({}, `[server]\n${keys}`)
      const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
      const runners = [await server.runner(), await server.runner()]
      await using load = new Load(server, runners)
      const times: number[] = []
      const crash = async (round: number) => {
        await (round % 2 === 0 ? postgres.kill() : postgres.stop('immediate'))
        await postgres.startAgain()
      }
      {
        await using _one = runners[0]!.alive()
        await using _other = runners[1]!.alive()
        for (let round = 0; round < rounds; round++)
          for (const happen of [async () => proxy.cut(), crash]) {
            await load.serves()
            await happen(round)
            const began = performance.now()
            await load.serves()
            times.push(performance.now() - began)
          }
        await load.end()
      }
      t.comment(`served again after ${times.map(time => Math.round(time)).join(', ')} ms`)
      t.same(load.odd, [], 'every call was answered, at worst with 503 and Retry-After')
      const kept = new Map<string, Execution>()
      for (let next: string | null = ''; next !== null; ) {
        const page = await server.call('GET', `/v1/executions?limit=500${next && `&after=${next}`}`)
        for (const item of page.json.items as Execution[]) kept.set(item.id, item)
        next = page.json.next as string | null
      }
      t.ok(load.ids.size > times.length, `${load.ids.size} submits were acknowledged`)
      t.same(
        [...load.ids].filter(id => kept.get(id)?.state !== 'succeeded'),
        [],
        'what was acknowledged is there, and has ended well',
      )
      t.equal(kept.size, load.ids.size, 'no submit that was tried again ran twice')
      const logs = await Promise.all(
        [...load.ids]
          .slice(-100)
          .map(async id => (await server.call('GET', `/v1/executions/${id}/log`)).text),
      )
      t.same([...new Set(logs)], [said])
      const lines = server.run.err.map(String).join('').split('\n')
      t.ok(lines.length <= 10 + 4 * times.length, `${lines.length} lines say so`)
      t.notMatch(lines.join('\n'), /"stack"/)
      t.equal(await server.stop(), 0)
    },
  )

  await rigTest(t, 'a PostgreSQL that is silent, or closed to the server', {}, async (t, rig) => {
    const database = await postgres.newDatabase('own')
    rig.configure({}, `[server]\nlisten = 127.0.0.1:0\ndatabase = ${database}\nkey_file = key\n`)
    const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
    const healthy = async () => {
      while ((await server.call('GET', '/health')).status !== 200) await systemClock.sleep(0.05)
    }

    await t.test('/health answers while PostgreSQL says nothing', async t => {
      const pid = postgres.pid!
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
      for (const one of [pid, ...children]) process.kill(one, 'SIGSTOP')
      try {
        const began = performance.now()
        const asked = Array.from({ length: 50 }, () => server.call('GET', '/health'))
        t.same(new Set((await Promise.all(asked)).map(({ status }) => status)), new Set([503]))
        t.ok(performance.now() - began < 30_000, 'long before its queries are given up')
      } finally {
        for (const one of [pid, ...children]) process.kill(one, 'SIGCONT')
      }
      await healthy()
    })

    await t.test(
      'a database that is taken away, and a user that is let in no more, are an outage',
      async t => {
        const cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('own', 'gone')"
        for (const [away, back] of [
          ['ALTER DATABASE own RENAME TO gone', 'ALTER DATABASE gone RENAME TO own'],
          [
            "UPDATE pg_database SET datallowconn = false WHERE datname = 'own'",
            'UPDATE pg_database SET datallowconn = true',
          ],
        ] as const) {
          // Not renamed while it is used: a server that is cut off comes back at once.
          while (
            (await postgres.sql(`${cut}; ${away}`).then(
              () => 'done',
              () => 'in use',
            )) === 'in use'
          );
          await postgres.sql(cut)
          for (let count = 0; count < 5; count++)
            t.equal((await server.call('GET', '/v1/executions')).status, 503, away)
          await postgres.sql(back)
          await healthy()
          t.equal((await server.call('GET', '/v1/executions')).status, 200)
        }
        t.notMatch(server.run.text, /"stack"/)
      },
    )

    t.equal(await server.stop(), 0)
  })
})
