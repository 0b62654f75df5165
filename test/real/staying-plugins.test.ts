/*
 * Jobs of plugins that stay, while runners, server and engine are killed by chance: each job has one result, which is its
 * own, and begins once, which a witness beside the engine counts. RUNNER_TEST_FULL says for how many times 40 jobs,
 * RUNNER_TEST_SEED which seed. With RUNNER_TEST_SDK or RUNNER_TEST_SDK_GO the plugin is made with the SDK of Python or of Go
 * (test/support/sdk-image.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Execution } from '../../src/protocol/messages/executions.ts'
import { Notifier } from '../../src/system/wait.ts'
import { type Attached, type AttachRig, attachTest } from '../support/attached.ts'
import { numbersFrom } from '../support/chance.ts'
import { Engine, networkNeeds, withNetworks } from '../support/engine.ts'
import { executorNeeds } from '../support/executors.ts'
import { stayingPluginImage } from '../support/images.ts'
import { testWith } from '../support/require.ts'
import { goSdkImage, goSdkProgram, sdkImage, sdkNeeds, sdkSources } from '../support/sdk-image.ts'
import { type Asked, faultOf, inputOf } from '../support/staying-jobs.ts'
import { runs } from '../support/tier.ts'
import { Witness } from '../support/witness.ts'

const seed = Number(process.env.RUNNER_TEST_SEED || 1)
const isPython = sdkSources !== ''
const isSdk = isPython || goSdkProgram !== ''
const needs = [...executorNeeds, ...networkNeeds, ...(isPython ? sdkNeeds : [])]
const names = ['one', 'two']
/** Jobs at once: more than the runners take, so that some are queued. */
const abreast = 10
const server = { lease_seconds: 6, confirm_within_seconds: 4, ping_interval_seconds: 1 }
/** Ends of jobs, at the most, between two kills of the same thing: so there is time for jobs on a slow machine, too. */
const longestPeace = 40
/** Seconds until a job must have ended. */
const patience = 300

t.setTimeout((600 + runs(400)) * 1000)

for (const [what, options, jobs] of [
  ['keeps its containers when it is killed', ['--live-restore'], runs(40)],
  ['ends its containers when it has been killed', [], runs(8)],
] as const)
  testWith(t, `an engine that ${what}`, needs, async t => {
    await using engine = await Engine.start(...withNetworks, ...options)
    await using witness = await Witness.beside(engine)
    if (isPython) await sdkImage(engine, 'stays')
    else if (isSdk) await goSdkImage(engine, 'stays')
    else await stayingPluginImage(engine, 'stays', 'USER 1001')
    await attachTest(t, `seed ${seed}: ${jobs} jobs`, engine, { server }, async (t, fleet) => {
      // Of few jobs, most must not end before the first kill.
      const storm = new Storm(t, fleet, witness, Math.min(longestPeace, jobs / 4))
      await storm.run(jobs)
      const { ends, processes, faults } = storm
      t.not(Object.keys(faults).length, 0, 'something was killed')
      t.equal((ends.succeeded ?? 0) + (ends.lost ?? 0), jobs, 'each job has an end')
      if (options.length > 0) t.equal(ends.succeeded, jobs, 'none is lost')
      // The runners take eight at once, each perhaps in a container of its own.
      if (jobs > 8) t.ok(processes.size < ends.succeeded!, 'plugins have had further jobs')
      t.comment(JSON.stringify({ ends, faults, processes: processes.size }))
    })
  })

class Storm {
  readonly ends: Record<string, number> = {}
  readonly faults: Record<string, number> = {}
  /** The processes of plugins that had the jobs. */
  readonly processes = new Set<unknown>()
  readonly #t: Test
  readonly #fleet: AttachRig
  readonly #witness: Witness
  readonly #peace: number
  readonly #below = numbersFrom(seed)
  readonly #runners = new Map<string, Attached>()
  /** Notified when a job has ended, and at last when all have. */
  readonly #ended = new Notifier()
  #isOver = false

  constructor(t: Test, fleet: AttachRig, witness: Witness, peace: number) {
    this.#t = t
    this.#peace = peace
    this.#fleet = fleet
    this.#witness = witness
  }

  /** Runs so many jobs to their ends while it kills; afterwards nothing is killed any more. */
  async run(jobs: number): Promise<void> {
    const { rig, server: own } = this.#fleet
    const lines = Object.entries({ ...server, listen: new URL(own.url).host })
    rig.configure({}, `[server]\n${lines.map(([key, value]) => `${key} = ${value}\n`).join('')}`)
    for (const name of names) {
      this.#fleet.configure(name, {}, 'network = bridge\nmemory = 256M')
      this.#runners.set(name, await this.#fleet.start(name).ready())
    }
    const kills = [
      ...names.map(name => this.#killing('runner', () => this.#killRunner(name))),
      this.#killing('server', () => this.#killServer()),
      this.#killing('engine', () => this.#killEngine()),
    ]
    let next = 0
    const work = async () => {
      while (next < jobs) await this.#job(this.#asked(next++))
    }
    await Promise.all(Array.from({ length: abreast }, work)).finally(() => {
      this.#isOver = true
      this.#ended.notify()
    })
    await Promise.all(kills)
    // One that is ready has removed what the one before it has left.
    for (const runner of this.#runners.values()) await runner.ready()
    const stopped = await Promise.all([...this.#runners.values()].map(runner => runner.stop()))
    this.#t.same(stopped, [0, 0], 'the runners stop when they are asked to')
  }

  #asked(index: number): Asked {
    const isOne = (of: number) => this.#below(of) === 0
    const name = `${seed}-${index}`
    return {
      name,
      witness: this.#witness.url,
      ...(isOne(3) && { wait: this.#below(2000) / 1000 }),
      ...(isOne(5) && { size: this.#below(isOne(4) ? 3_000_000 : 10_000) }),
      ...(isOne(8) && { fork: true }),
      ...(!isSdk && isOne(40) && { deaf: true }),
      ...(!isSdk && isOne(20) && { exit: this.#below(5) }),
    }
  }

  async #job(asked: Asked): Promise<void> {
    const body = { image: 'stays', input: inputOf(asked) }
    const { group } = await this.#call('POST', '/v1/executions', body, { 'idempotency-key': asked.name })
    const late = Date.now() + patience * 1000
    for (;;) {
      const { items } = await this.#call('GET', `/v1/executions?group=${group}`)
      const [only, ...others] = items as Execution[]
      if (only!.finished_at !== null && (only!.log.complete || only!.started_at === null))
        return this.#judge(asked, only!.id, others.length)
      if (Date.now() > late) return void this.#t.fail(`job ${asked.name} does not end`, { items })
      await sleep(300)
    }
  }

  async #judge(asked: Asked, id: string, others: number): Promise<void> {
    const { state, reason, error_message, exit_code, output_properties } = await this.#call(
      'GET',
      `/v1/executions/${id}`,
    )
    const begun = this.#witness.count(asked.name)
    const log = await this.#text(`/v1/executions/${id}/log`)
    const isLost = state === 'failed' && reason === 'executor-lost'
    const end = isLost ? 'lost' : state
    this.ends[end] = (this.ends[end] ?? 0) + 1
    this.#ended.notify()
    const fault = isLost ? undefined : faultOf(asked, output_properties ?? {}, log)
    if (!isLost) this.processes.add(output_properties?.process)
    const good = (isLost || (state === 'succeeded' && exit_code === 0)) && fault === undefined
    if (good && others === 0 && (begun === 1 || (isLost && begun === 0))) return
    this.#t.fail(`job ${asked.name}`, { asked, fault, begun, others, state, reason, error_message, log })
  }

  // biome-ignore lint/suspicious/noExplicitAny: each caller knows its answer
  async #call(method: string, path: string, body?: object, headers = {}): Promise<any> {
    return JSON.parse(await this.#text(path, method, body, headers))
  }

  /** The answer of the server, however often that is killed. */
  async #text(path: string, method = 'GET', body?: object, headers = {}): Promise<string> {
    for (;;) {
      const signal = AbortSignal.timeout(10_000)
      const asked = { ...(body && { body }), headers, signal }
      const answer = await this.#fleet.server.call(method, path, asked).catch(() => undefined)
      if (answer !== undefined && answer.status < 300) return answer.text
      if (answer !== undefined && answer.status < 500) throw new Error(`${answer.status} ${answer.text}`)
      await sleep(100)
    }
  }

  /** Kills again and again until the jobs are over. */
  async #killing(what: 'runner' | 'server' | 'engine', kill: () => Promise<void>): Promise<void> {
    for (;;) {
      for (let ends = this.#below(this.#peace); ends > 0 && !this.#isOver; ends--) await this.#ended.notified
      await sleep(this.#below(500))
      if (this.#isOver) return
      this.faults[what] = (this.faults[what] ?? 0) + 1
      await kill()
    }
  }

  async #killRunner(name: string): Promise<void> {
    await this.#runners.get(name)!.stop('SIGKILL')
    await sleep(this.#below(1000))
    this.#runners.set(name, this.#fleet.start(name))
  }

  async #killServer(): Promise<void> {
    const { server } = this.#fleet
    server.run.child.kill('SIGKILL')
    await server.run.ended
    await sleep(this.#below(2000))
    await server.restart()
  }

  async #killEngine(): Promise<void> {
    await this.#fleet.engine.ends('SIGKILL')
    await this.#fleet.engine.answers()
  }
}
