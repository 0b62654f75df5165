/*
 * Jobs on four runners, while everything around them is killed, stopped, restarted and cut: by chance, from a seed.
 * RUNNER_TEST_FULL says for how many times 10 seconds, RUNNER_TEST_SEED which seed.
 */
import t from 'tap'
import type { Execution } from '../../src/protocol/messages/executions.ts'
import { type Attached, type AttachRig, attachTest } from '../support/attached.ts'
import { Cut } from '../support/cut.ts'
import { Engine } from '../support/engine.ts'
import { executorNeeds } from '../support/executors.ts'
import { makeImage, withBusybox } from '../support/images.ts'
import { sha256 } from '../support/messages.ts'
import { testWith } from '../support/require.ts'
import { runs } from '../support/tier.ts'

const seconds = runs(10)
const seed = Number(process.env.RUNNER_TEST_SEED || 1)
t.setTimeout((seconds * 3 + 300) * 1000)

const names = ['one', 'two', 'three', 'four']
const sleep = (time: number) => new Promise<void>(resolve => setTimeout(resolve, time * 1000))

/** Chance from a seed (mulberry32). */
function chanceFrom(start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Given {
  command: string[]
  retries: number
  code: number
  /** Its output. */
  log: string
}

/** A job that writes lines, at once or with pauses, and ends with a status. */
function makeJob(index: number, random: () => number): Given {
  const lines = 1 + Math.floor(random() * 40)
  const slow = random() < 0.3 ? 0.05 + random() * 0.1 : 0
  const retries = random() < 0.3 ? 2 : 0
  const code = retries === 0 && random() < 0.2 ? 1 + Math.floor(random() * 100) : 0
  const width = random() < 0.05 ? 20_000 : 10 + Math.floor(random() * 100)
  const filling = 'x'.repeat(width)
  const pause = slow === 0 ? '' : `sleep ${slow.toFixed(2)};`
  const script = `i=0; while [ $i -lt ${lines} ]; do echo "${index} $i ${filling}"; ${pause} i=$((i+1)); done; exit ${code}`
  const log = Array.from({ length: lines }, (_, line) => `${index} ${line} ${filling}\n`).join('')
  return { command: ['sh', '-c', script], retries, code, log }
}

/** Runners that come back whatever happens to them. */
class Fleet {
  readonly #setup: AttachRig
  readonly #runners = new Map<string, Attached>()

  constructor(setup: AttachRig) {
    this.#setup = setup
  }

  start(name: string): Attached {
    const runner = this.#setup.start(name)
    this.#runners.set(name, runner)
    return runner
  }

  async kill(name: string, pause: number): Promise<void> {
    const runner = this.#runners.get(name)!
    runner.run.child.kill('SIGKILL')
    await runner.run.ended
    await sleep(pause)
    this.start(name)
  }

  async freeze(name: string, time: number): Promise<void> {
    const { child } = this.#runners.get(name)!.run
    child.kill('SIGSTOP')
    await sleep(time)
    child.kill('SIGCONT')
  }

  async end(): Promise<(number | string)[]> {
    return Promise.all([...this.#runners.values()].map(runner => runner.stop()))
  }
}

testWith(t, 'jobs among faults', executorNeeds, async t => {
  await using engine = await Engine.start('--live-restore')
  await makeImage(engine, 'box', { fill: withBusybox })
  const server = {
    lease_seconds: 3,
    confirm_within_seconds: 3,
    ping_interval_seconds: 1,
    reserve_wait_seconds: 5,
  }
  await attachTest(t, `seed ${seed}, ${seconds} s`, engine, { server }, async (t, setup) => {
    const random = chanceFrom(seed)
    const port = Number(new URL(setup.server.url).port)
    const lines = Object.entries(server).map(([key, value]) => `${key} = ${value}\n`)
    setup.rig.configure({}, `[server]\nlisten = 127.0.0.1:${port}\n${lines.join('')}`)
    await using open = new AsyncDisposableStack()
    const cuts = (await Promise.all(names.map(() => Cut.to(port)))).map(cut => open.use(cut))
    const fleet = new Fleet(setup)
    for (const [index, name] of names.entries()) {
      setup.configure(name, { url: cuts[index]!.url })
      fleet.start(name)
    }

    const given = new Map<string, Given>()
    let over = false
    let failed = false
    const submitting = submitAll()
    open.defer(() => {
      over = failed = true
      return submitting
    })
    const faults: Record<string, number> = {}
    const end = Date.now() + seconds * 1000
    while (Date.now() < end) {
      await sleep(0.3 + random() * 1.2)
      await harm()
    }
    over = true
    await submitting
    for (const cut of cuts) cut.open()
    await engine.answers()
    t.comment(`${given.size} jobs; ${JSON.stringify(faults)}`)

    for (const [group, job] of given) await check(group, job)
    t.same(await fleet.end(), [0, 0, 0, 0], 'all runners stop when they are asked to')

    /** One thing goes wrong, and is right again after a while. */
    async function harm(): Promise<void> {
      const which = Math.floor(random() * names.length)
      const name = names[which]!
      const time = random() * 2.5
      const [kind, act] = (
        [
          ['runner killed', () => fleet.kill(name, time / 2)],
          ['runner killed', () => fleet.kill(name, 0)],
          ['runner stopped', () => fleet.freeze(name, time)],
          ['cut', () => cutFor(cuts[which]!, time, 'close')],
          ['silence', () => cutFor(cuts[which]!, time * 2, 'silence')],
          ['server killed', () => killServer(time / 2)],
          ['server stopped', () => freezeServer(time)],
          ['engine killed', () => hurtEngine('SIGKILL')],
          ['engine ended', () => hurtEngine('SIGTERM')],
          ['engine stopped', () => freezeEngine(time)],
        ] as const
      )[Math.floor(random() * 10)]!
      faults[kind] = (faults[kind] ?? 0) + 1
      await act()
    }

    async function cutFor(cut: Cut, time: number, how: 'close' | 'silence'): Promise<void> {
      cut[how]()
      await sleep(time)
      cut.open()
    }

    async function killServer(pause: number): Promise<void> {
      setup.server.run.child.kill('SIGKILL')
      await setup.server.run.ended
      await sleep(pause)
      await setup.server.restart()
    }

    async function freezeServer(time: number): Promise<void> {
      const { child } = setup.server.run
      child.kill('SIGSTOP')
      await sleep(time)
      child.kill('SIGCONT')
    }

    async function hurtEngine(signal: NodeJS.Signals): Promise<void> {
      engine.signal(signal)
      await sleep(1)
      await engine.answers()
    }

    async function freezeEngine(time: number): Promise<void> {
      engine.signal('SIGSTOP')
      await sleep(time)
      engine.signal('SIGCONT')
    }

    async function submitAll(): Promise<void> {
      for (let index = 0; !over; index++) {
        const job = makeJob(index, random)
        const { command, retries } = job
        const headers = { 'idempotency-key': `job-${index}` }
        while (!failed) {
          const body = { image: 'box', command, retries }
          const signal = AbortSignal.timeout(5000)
          const answer = await setup.server
            .call('POST', '/v1/executions', { body, headers, signal })
            .catch(() => undefined)
          if (answer?.status === 201) {
            given.set(answer.json.group, job)
            break
          }
          await sleep(0.2)
        }
        await sleep(0.12)
      }
    }

    async function attempts(group: string): Promise<Execution[]> {
      const answer = await setup.server.call('GET', `/v1/executions?group=${group}&limit=100`)
      return (answer.json.items as Execution[]).toSorted((a, b) => a.attempt - b.attempt)
    }

    async function settled(group: string): Promise<Execution[]> {
      const late = Date.now() + 120_000
      for (;;) {
        const all = await attempts(group)
        const open = all.filter(({ state, finished_at }) => state !== 'lost' && finished_at === null)
        const last = all.findLast(({ state }) => state !== 'withdrawn')!
        if (open.length === 0 && last.state !== 'lost' && last.log.complete) return all
        if (Date.now() > late) return all
        await sleep(0.2)
      }
    }

    async function check(group: string, job: Given): Promise<void> {
      const all = await settled(group)
      const told = all.map(({ attempt, state, reason, node_name, id }) => ({
        attempt,
        state,
        reason,
        node_name,
        id,
      }))
      const results = all.filter(({ state }) => ['succeeded', 'failed', 'aborted'].includes(state))
      const [only] = results
      const log = only === undefined ? '' : await setup.log(only.id)
      const hash = sha256(job.log)
      const good =
        results.length === 1 &&
        (job.retries > 0 || all.length === 1) &&
        only!.state === (job.code === 0 ? 'succeeded' : 'failed') &&
        only!.exit_code === job.code &&
        log === job.log &&
        only!.log.length === Buffer.byteLength(job.log) &&
        only!.log.sha256 === hash
      if (!good)
        t.fail(`job ${job.log.slice(0, 5)}`, {
          told,
          code: job.code,
          error: only?.error_message,
          log: only?.log,
          got: log.length,
          wanted: job.log.length,
        })
    }
  })
})
