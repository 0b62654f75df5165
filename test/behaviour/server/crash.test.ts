import { randomInt } from 'node:crypto'
import t from 'tap'
import { numbersFrom } from '../../support/chance.ts'
import { sha256 } from '../../support/messages.ts'
import { type Answered, serverTest, type TestRunner, type TestServer } from '../../support/server.ts'
import { everyStore } from '../../support/stores.ts'
import { runs } from '../../support/tier.ts'

/** The number of times that the server is killed; more for a soak. */
const crashes = runs(2)
const seed = Number(process.env.RUNNER_TEST_SEED ?? randomInt(2 ** 31))
t.comment(`RUNNER_TEST_SEED=${seed}`)

const endings = [
  { outcome: 'succeeded', exit_code: 0 },
  { outcome: 'failed', exit_code: 3 },
] as const

/** Load on a server that is killed again and again, and what it has acknowledged. */
class Load {
  readonly submitted = new Map<string, string>()
  readonly ended = new Map<string, string>()
  readonly wrong: string[] = []
  readonly #server: TestServer
  #acknowledged = 0
  #killAt = Number.POSITIVE_INFINITY
  #killed = Promise.withResolvers<void>()
  #back = Promise.resolve()
  over = false

  constructor(server: TestServer) {
    this.#server = server
  }

  /** Kills the server after so many more answers, and starts it again. */
  async crash(after: number): Promise<void> {
    const back = Promise.withResolvers<void>()
    this.#back = back.promise
    this.#killed = Promise.withResolvers()
    this.#killAt = this.#acknowledged + after
    await this.#killed.promise
    await this.#server.run.ended
    await this.#server.restart()
    back.resolve()
  }

  /** Asks until there is an answer. */
  async #ask(call: () => Promise<Answered>): Promise<Answered> {
    for (;;) {
      try {
        const answer = await call()
        if (++this.#acknowledged === this.#killAt) {
          process.kill(this.#server.pid, 'SIGKILL')
          this.#killed.resolve()
        }
        if (answer.status < 500) return answer
        this.wrong.push(answer.text)
      } catch {
        await this.#back
      }
    }
  }

  async submit(count: number, name: string): Promise<void> {
    for (let n = 0; n < count; n++) {
      const key = `${name}-${n}`
      const asked = { body: { image: 'i' }, headers: { 'idempotency-key': key } }
      const answer = await this.#ask(() => this.#server.call('POST', '/v1/executions', asked))
      if (answer.status === 201) this.submitted.set(key, answer.json.id)
      else this.wrong.push(answer.text)
    }
  }

  async work(runner: TestRunner, number: (below: number) => number): Promise<void> {
    while (!this.over) {
      const answer = await this.#ask(() => runner.reserve(0.2))
      if (answer.status === 200)
        for (const reservation of answer.json.executions) await this.#run(runner, reservation, number)
      else if (answer.status !== 204) this.wrong.push(answer.text)
    }
  }

  async #run(
    runner: TestRunner,
    reservation: Parameters<TestRunner['confirm']>[0],
    number: (below: number) => number,
  ): Promise<void> {
    const id = reservation.execution_id
    if ((await this.#ask(() => runner.confirm(reservation))).status !== 204) return
    runner.holds.add(id)
    const text = 'x'.repeat(1 + number(5000))
    for (let at = 0; at < text.length; ) {
      const from = at
      const answer = await this.#ask(() => runner.log(reservation, from, text.slice(from, from + 2000)))
      if (answer.json.length === undefined || answer.json.length < from)
        this.wrong.push(`${id}: after ${from} bytes: ${answer.text}`)
      at = answer.json.length ?? text.length
    }
    const ending = endings[number(2)]!
    const log = { log_length: text.length, log_sha256: sha256(text) }
    const answer = await this.#ask(() => runner.result(reservation, { ...ending, ...log }))
    runner.holds.delete(id)
    if (answer.status !== 204) this.wrong.push(`${id}: result: ${answer.text}`)
    if (this.ended.has(id)) this.wrong.push(`${id}: ended twice`)
    this.ended.set(id, ending.outcome)
  }
}

const settings = { lease_seconds: 20, confirm_within_seconds: 5 }

serverTest(
  t,
  'killed at any moment, it keeps what it has acknowledged',
  { stores: everyStore, settings },
  async (t, server) => {
    const number = numbersFrom(seed)
    const load = new Load(server)
    const runners = await Promise.all(Array.from({ length: 4 }, (_, n) => server.runner({ name: `r${n}` })))
    const alive = runners.map(runner => runner.alive())
    const working = runners.map(runner => load.work(runner, number))
    const submitting = Array.from({ length: 4 }, (_, n) => load.submit(15 * crashes, `s${n}`))
    for (let n = 0; n < crashes; n++) await load.crash(5 + number(100))
    await Promise.all(submitting)
    while (load.ended.size < load.submitted.size && load.wrong.length === 0)
      await server.call('GET', '/health')
    load.over = true
    await Promise.all(working)
    for (const one of alive) await one[Symbol.asyncDispose]()

    t.same(load.wrong, [])
    t.equal(new Set(load.submitted.values()).size, 60 * crashes, 'each key made one execution')
    let after = ''
    const kept = new Map<string, { state: string; log: { complete: boolean } }>()
    do {
      const page = await server.call('GET', `/v1/executions?limit=100${after && `&after=${after}`}`)
      for (const execution of page.json.items) kept.set(execution.id, execution)
      after = page.json.next ?? ''
    } while (after !== '')
    t.same([...kept.keys()].toSorted(), [...load.submitted.values()].toSorted(), 'and there are no others')
    for (const [id, outcome] of load.ended) {
      const execution = kept.get(id)
      if (execution?.state !== outcome || !execution.log.complete)
        t.fail(`${id}: acknowledged as ${outcome}, kept as ${JSON.stringify(execution)}`)
    }
  },
)
