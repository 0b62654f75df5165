/*
 * All that is secret changes while jobs run: the key of the server, the tokens of its runners, the token with which they
 * register. Server, runners and rekeys are killed in between, each job runs once, and no runner is locked out.
 */
import { randomInt } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/edges.ts'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import { type Attached, attachOnHost } from '../../support/attached.ts'
import { numbersFrom } from '../../support/chance.ts'
import { say } from '../../support/operator.ts'
import { fixtures } from '../../support/rig.ts'
import { databaseOf, opensIn } from '../../support/sealed.ts'
import { serverTest, type TestServer } from '../../support/server.ts'
import { everyStore } from '../../support/stores.ts'
import { runs } from '../../support/tier.ts'

/** The number of times that everything is killed and changed; more for a soak. */
const rounds = runs(1)
const seed = Number(process.env.RUNNER_TEST_SEED ?? randomInt(2 ** 31))
t.comment(`RUNNER_TEST_SEED=${seed}`)
const number = numbersFrom(seed)

/** Days for which the token of a runner holds, four seconds: some expire while the server is away. */
const credentials_days = 0.00005
/** Jobs that are on their way at once. */
const atOnce = 6
const settings = {
  credentials_days,
  lease_seconds: 20,
  confirm_within_seconds: 5,
  ping_interval_seconds: 0.5,
}

/** A job, and the end that it must have. */
interface Given {
  id: string
  key: string
  code: number
}

/** Jobs that are submitted all the time, and the kills and changes meanwhile. */
class Fleet {
  readonly server: TestServer
  readonly given: Given[] = []
  readonly runners = new Map<string, Attached>()
  #over = false
  #submitted = 0
  #more = Promise.withResolvers<void>()
  #back = Promise.resolve()

  constructor(server: TestServer) {
    this.server = server
  }

  get #tokenFile(): string {
    return this.server.rig.path('registration.token')
  }

  /** Makes a registration token for one runner, and revokes all others. */
  async rotate(): Promise<void> {
    const { server } = this
    const before = (await server.call('GET', '/v1/tokens?limit=1000')).json.items as {
      id: string
      kind: string
    }[]
    const body = { kind: 'registration', name: 'rotated', expires_in_seconds: 3600, scope: { uses: 1 } }
    const made = await server.call('POST', '/v1/tokens', { body })
    if (made.status !== 201) throw new Error(made.text)
    writeFileSync(this.#tokenFile, made.json.token)
    for (const { id, kind } of before)
      if (kind === 'registration') await server.call('DELETE', `/v1/tokens/${id}`)
  }

  /** Starts a runner, or starts it again. */
  start(name: string): Attached {
    const runner = attachOnHost(this.server, name, this.#tokenFile)
    this.runners.set(name, runner)
    return runner
  }

  async killRunner(name: string): Promise<void> {
    await this.runners.get(name)!.stop('SIGKILL')
    this.start(name)
  }

  /** Submits one job after the other until it is over. */
  async submit(name: string): Promise<void> {
    for (let n = 0; !this.#over; n++) {
      const key = `${name}-${n}`
      const code = number(3)
      const job = `echo ${key} >>"$DIR/ran"; echo began; sleep 0.${number(5)}; echo ${key}; exit ${code}`
      const body = {
        command: ['sh', '-c', job],
        capabilities: ['host'],
        env: { DIR: this.server.rig.dir },
        secret_env: { SECRET: `hush-${key}` },
      }
      const made = await this.#ask(() =>
        this.server.call('POST', '/v1/executions', {
          body: { image: 'none', ...body },
          headers: { 'idempotency-key': key },
        }),
      )
      this.given.push({ id: made.json.id, key, code })
      this.#submitted++
      this.#more.resolve()
      await this.#ended(made.json.id)
    }
  }

  /** Resolves when so many more jobs have been submitted. */
  async afterMore(count: number): Promise<void> {
    for (const until = this.#submitted + count; this.#submitted < until; ) {
      this.#more = Promise.withResolvers()
      await this.#more.promise
    }
  }

  /** Kills the server, does something, and starts it again. */
  async away(meanwhile: () => Promise<void>): Promise<void> {
    const back = Promise.withResolvers<void>()
    this.#back = back.promise
    process.kill(this.server.pid, 'SIGKILL')
    await this.server.run.ended
    await meanwhile()
    await this.server.restart()
    back.resolve()
  }

  /** Asks until the server is there to answer. */
  async #ask(call: () => ReturnType<TestServer['call']>): ReturnType<TestServer['call']> {
    for (;;) {
      const answer = await call().catch(() => undefined)
      if (answer === undefined) await this.#back
      else if (answer.status < 300) return answer
      else throw new Error(answer.text)
    }
  }

  async #ended(id: string): Promise<Execution> {
    for (;;) {
      const { json } = await this.#ask(() => this.server.call('GET', `/v1/executions/${id}`))
      if (json.finished_at !== null && json.log.complete) return json
      await systemClock.sleep(0.1)
    }
  }

  /** Lets running jobs end. */
  stop(): void {
    this.#over = true
  }
}

/** The server listens where it did before: a runner knows it by its address. */
function listenAgain({ rig, url }: TestServer): void {
  const file = rig.path('runner.cfg')
  writeFileSync(file, readFileSync(file, 'utf8').replace('127.0.0.1:0', new URL(url).host))
}

/** Rekeys that are killed at some step, and one that is not. */
async function rekey(t: Test, { rig }: TestServer, kills: number): Promise<void> {
  const preload = `--import=${join(fixtures, 'kill-at-step.mjs')}`
  for (let n = 0; n < kills; n++) {
    const env = { NODE_OPTIONS: preload, KILL_AT: String(1 + number(150)) }
    const run = rig.start(['server', 'rekey'], { env })
    const status = await run.ended
    if (status !== 'SIGKILL') t.equal(status, 0, run.text)
  }
  const run = rig.start(['server', 'rekey'])
  t.equal(await run.ended, 0, run.text)
}

/** The keys that are kept beside the one in force. */
function formerKeys({ rig }: TestServer): Buffer[] {
  const directory = rig.path('state', 'server')
  const names = readdirSync(directory).filter(name => name.startsWith('key.'))
  return names.map(name => readFileSync(join(directory, name)))
}

serverTest(
  t,
  'keys and tokens change under load, and whatever is killed, each job runs once and each runner is back',
  // Each run uses one store, and a soak both.
  { stores: rounds > 1 ? everyStore : [everyStore[number(2)]!], settings },
  async (t, server) => {
    listenAgain(server)
    const fleet = new Fleet(server)
    const names = ['one', 'two']
    for (const name of names) {
      await fleet.rotate()
      await fleet.start(name).event('runner:registered')
    }
    const submitting = Array.from({ length: atOnce }, (_, n) => fleet.submit(`s${n}`))
    for (let n = 0; n < rounds; n++) {
      await fleet.afterMore(1 + number(8))
      await fleet.killRunner(names[number(2)]!)
      await fleet.rotate()
      await fleet.afterMore(1 + number(8))
      await fleet.away(async () => {
        if (number(2) === 0) await fleet.killRunner(names[number(2)]!)
        await rekey(t, server, number(3))
      })
    }
    fleet.stop()
    await Promise.all(submitting)

    const ran = server.rig.lines('ran')
    t.same(ran.toSorted(), fleet.given.map(({ key }) => key).toSorted(), 'each job has run once')
    const { items } = (await server.call('GET', '/v1/executions?limit=1000')).json
    t.equal(items.length, fleet.given.length, 'there is no other execution')
    for (const { id, key, code } of fleet.given) {
      const found = await server.execution(id)
      const state = code === 0 ? 'succeeded' : 'failed'
      const expected = { state, exit_code: code, attempt: 1, output: `began\n${key}\n` }
      t.match(found, expected, key)
    }
    const runners = (await server.call('GET', '/v1/runners')).json.items
    // A runner that was killed while it had to confirm is unhealthy for a while, and connected.
    t.match(
      runners,
      names.map(name => ({ name, state: /^(?:ready|unhealthy)$/ })),
      'no runner is locked out',
    )
    for (const runner of fleet.runners.values()) t.equal(await runner.stop(), 0)
    t.match(await say(server, ['audit', 'verify']), { status: 0 })
    process.kill(server.pid, 'SIGKILL')
    await server.run.ended
    const former = formerKeys(server)
    t.ok(former.length >= rounds, `${former.length} former keys of ${rounds} rounds`)
    for (const key of former)
      t.same(await opensIn(databaseOf(server.rig), key), {}, 'a former key opens nothing')
    await server.restart()
  },
)

t.setTimeout(1_200_000)
