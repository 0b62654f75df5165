/*
 * Many runners, sessions, operators, clocks that jump and servers that are away, at random, against a model: after
 * each step the store has what the model says.
 */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import pg from 'pg'
import t from 'tap'
import { ok } from '../../src/result.ts'
import { abortExecution } from '../../src/server/abort.ts'
import { confirm } from '../../src/server/confirm.ts'
import { type Asking, dispatch } from '../../src/server/dispatch.ts'
import { patchGroup } from '../../src/server/groups.ts'
import { heartbeat, leave } from '../../src/server/heartbeat.ts'
import { acceptResult } from '../../src/server/results.ts'
import { deleteRunner, patchRunner } from '../../src/server/runners.ts'
import { submitScript } from '../../src/server/scripts.ts'
import { submit } from '../../src/server/submit.ts'
import { lateResult, lease, Model, type ModelExecution, type ModelRunner } from '../support/server-model.ts'
import { onEachDatabase } from '../support/server-room.ts'
import { testId } from '../support/server-rows.ts'
import { makeWorld, type World } from '../support/server-world.ts'

type Step = fc.AsyncCommand<Model, World>

const groups = ['default', 'other'] as const
const runnerCount = 4

/** The thing that a number means: three times of four one that is likely to matter. */
function pick<T>(number: number, all: readonly T[], likely: (one: T) => boolean): T {
  const some = all.filter(likely)
  const from = number % 4 === 0 || some.length === 0 ? all : some
  return from[Math.floor(number / 4) % from.length]!
}

/** The row of an execution in the store. */
async function rowOf(world: World, one: ModelExecution) {
  const rows = await world.attempts(one.group)
  return rows.find(row => row.attempt === one.attempt)!
}

/** A step: what the model and the world make of it, and then whether they are the same. */
function step<N>(
  name: string,
  input: fc.Arbitrary<N>,
  run: (model: Model, world: World, input: N) => Promise<void>,
  check: (model: Model) => boolean = () => true,
): fc.Arbitrary<Step> {
  return input.map(input => ({
    check,
    toString: () => `${name}(${fc.stringify(input)})`,
    async run(model, world) {
      await run(model, world, input)
      await compare(model, world)
    },
  }))
}

const key = (one: { group: string; attempt: number }) => `${one.group} ${one.attempt}`

async function compare(model: Model, world: World): Promise<void> {
  const { rows, runners, leaders } = await world.store.read(async tx => ({
    rows: await tx.listExecutions({}, { limit: 1000 }),
    runners: await tx.listRunners({ limit: 100 }),
    leaders: await tx.listGroups({ limit: 100 }),
  }))
  const byId = new Map(rows.map(row => [row.id, row]))
  const linked = (id: string | null) => (id === null ? null : key(byId.get(id)!))
  const seen = rows.map(row => ({
    key: key(row),
    state: row.state,
    ended: row.finished_at !== null,
    deadline: row.deadline,
    runner: row.state === 'queued' ? null : row.runner_id,
    unconfirmed: row.unconfirmed,
    retries: row.retries_left,
    next: linked(row.next_id),
    previous: linked(row.previous_id),
    result: row.result === null ? null : `${row.result.lease_id} ${row.result.outcome}`,
  }))
  const expected = model.executions.map(one => ({
    key: key(one),
    state: one.state,
    ended: one.ended,
    deadline: one.deadline,
    runner: one.runner,
    unconfirmed: one.unconfirmed,
    retries: one.retries,
    next: one.next && key(one.next),
    previous: one.previous && key(one.previous),
    result: one.result,
  }))
  const sorted = <T extends { key: string }>(list: T[]) => list.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  assert.deepEqual(sorted(seen), sorted(expected))
  for (const row of runners) {
    const { session, misses, unhealthyUntil, state } = model.runner(row.id)
    const unhealthy = Math.max(0, (row.unhealthy_until ?? 0) - model.watched)
    assert.deepEqual(
      { session: row.session, misses: row.misses, unhealthy, state: row.state },
      { session, misses, unhealthy: Math.max(0, unhealthyUntil - model.watched), state },
    )
  }
  for (const { name, leader_runner_id } of leaders) {
    const group = model.groups.get(name)!
    // No change without cause, and none but to the one that is to be elected.
    if (leader_runner_id !== group.leader) assert.equal(leader_runner_id, model.elect(name))
    group.leader = leader_runner_id
  }
  invariants(model)
}

function invariants(model: Model): void {
  for (const run of Map.groupBy(model.executions, one => one.group).values()) {
    const asked = run[0]!.retries
    const started = run.filter(one => one.confirms > 0).length
    assert.ok(
      run.every(one => one.confirms <= 1),
      'an attempt is started once',
    )
    if (asked === 0) assert.ok(started <= 1, 'without retries a job is started at most once')
    assert.ok(run.filter(one => one.state === 'queued').length <= 1, 'one attempt of a run waits at most')
  }
  for (const job of ['single'])
    assert.ok(
      model.executions.filter(one => one.job === job && !one.ended && !one.previous).length <= 1,
      'of a job that forbids it no two runs are unfinished',
    )
}

// ── operators ─────────────────────────────────────────────────────────────────────────────────────────────────────

const submits = step(
  'submit',
  fc.record({
    group: fc.constantFrom(...groups),
    priority: fc.integer({ min: 0, max: 2 }),
    retries: fc.integer({ min: 0, max: 2 }),
    capable: fc.boolean(),
    single: fc.boolean(),
    wait: fc.option(fc.constantFrom(20, 100), { freq: 4 }),
  }),
  async (model, world, { group, priority, retries, capable, single, wait }) => {
    const capabilities = capable ? ['special'] : []
    const made = await world.write(tx =>
      submit(
        tx,
        world.ctx,
        {
          image: 'busybox',
          runner_group: group,
          priority,
          retries,
          capabilities,
          ...(single && { job_name: 'single', concurrency: 'forbid' as const }),
          ...(wait !== null && { max_queue_seconds: wait }),
        },
        { token_id: 'token', body_sha256: '' },
      ),
    )
    const allowed = !single || !model.isActive('single')
    assert.equal(made.ok, allowed, 'whether it may be queued')
    if (!made.ok) return
    const job = single ? 'single' : null
    const more = { runnerGroup: group, priority, retries, capabilities, job }
    model.add({ group: made.value.id, ...more, wait: wait === null ? null : wait * 1000 })
  },
)

const aborts = step(
  'abort',
  fc.nat(),
  async (model, world, number) => {
    const one = pick(number, model.executions, ({ ended }) => !ended)
    const { id } = await rowOf(world, one)
    const done = await world.write(tx => abortExecution(tx, world.ctx, id))
    assert.equal(done.ok, model.abort(one), 'whether it can be aborted')
  },
  model => model.executions.length > 0,
)

const patches = step(
  'patch',
  fc.record({
    runner: fc.nat(runnerCount - 1),
    patch: fc.oneof(
      fc.record({ enabled: fc.boolean() }),
      fc.record({ tainted: fc.boolean() }),
      fc.record({ capacity: fc.integer({ min: 0, max: 3 }) }),
    ),
  }),
  async (model, world, { runner: number, patch }) => {
    const runner = model.runners[number]!
    const { tainted, ...rest } = patch as { tainted?: boolean; enabled?: boolean; capacity?: number }
    const set = tainted === undefined ? rest : { taints: tainted ? ['broken'] : [] }
    const done = await world.write(tx => patchRunner(tx, world.ctx, runner.id, set))
    assert.equal(done.ok, !runner.deleted)
    if (done.ok) Object.assign(runner, patch)
  },
)

const deletes = step('delete', fc.nat(runnerCount - 1), async (model, world, number) => {
  const runner = model.runners[number]!
  await world.write(tx => deleteRunner(tx, world.ctx, runner.id))
  model.deleteRunner(runner)
})

const undeletes = step('undelete', fc.nat(runnerCount - 1), async (model, world, number) => {
  const runner = model.runners[number]!
  await world.write(tx => patchRunner(tx, world.ctx, runner.id, { deleted: false }))
  runner.deleted = false
})

const modes = step(
  'group',
  fc.record({
    name: fc.constantFrom(...groups),
    leader: fc.boolean(),
    pinned: fc.option(fc.nat(runnerCount - 1)),
  }),
  async (model, world, { name, leader, pinned }) => {
    const runner = pinned === null ? undefined : model.runners[pinned]!
    const pin = runner !== undefined && runner.group === name && !runner.deleted ? runner.id : null
    const mode = leader ? 'leader' : 'all'
    await world.write(tx => patchGroup(tx, world.ctx, name, { mode, pinned_runner_id: pin }))
    Object.assign(model.groups.get(name)!, { mode, pinned: pin })
  },
)

const scripts = step('script', fc.nat(runnerCount - 1), async (model, world, number) => {
  const runner = model.runners[number]!
  const done = await world.write(tx =>
    submitScript(tx, world.ctx, { image: 'busybox', command: ['true'], runner_id: runner.id }),
  )
  const free = model.heldBy(runner.id).length < runner.capacity
  assert.equal(done.ok, model.mayWork({ ...runner, tainted: false }) && free, 'whether it gets the script')
  if (!done.ok) return
  const one = model.add({ group: done.value.id, runnerGroup: runner.group, script: true })
  const { lease_id } = await world.execution(done.value.id)
  model.reserve(one, runner, lease_id!)
})

// ── runners ───────────────────────────────────────────────────────────────────────────────────────────────────────

const anyRunner = fc.record({
  runner: fc.nat(runnerCount - 1),
  /** An old session calls, or one that has just registered. */
  session: fc.constantFrom<'now' | 'old' | 'pending'>('now', 'now', 'now', 'now', 'pending', 'old'),
})
type AnyRunner = { runner: number; session: 'now' | 'old' | 'pending' }

function callerIn(model: Model, { runner: number, session: which }: AnyRunner) {
  const runner = model.runners[number]!
  const session =
    which === 'old'
      ? runner.session - 1
      : which === 'pending'
        ? (runner.pending ?? runner.session)
        : runner.session
  return { runner, session }
}

/** A new process of a runner registers; nothing changes before its first call. */
const registers = step('register', fc.nat(runnerCount - 1), async (model, world, number) => {
  const runner = model.runners[number]!
  if (runner.deleted) return
  runner.pending = Math.max(runner.session, runner.pending ?? 0) + 1
  const session = runner.pending
  await world.write(async tx => {
    const row = (await tx.runner(runner.id))!
    const { name, version, said } = row
    const data_key = row.data_key!
    tx.putRunner({ ...row, pending: [{ session, token_id: 'token', data_key, name, version, said }] })
  })
})

/** Runners ask for work: who, for how much, and whether the call has waited for a while. */
async function poll(model: Model, world: World, asked: [AnyRunner, number, boolean][]): Promise<void> {
  const asking: (Asking & { runner: ModelRunner })[] = []
  for (const [any, slots, again] of asked) {
    const { runner, session } = callerIn(model, any)
    const heard = await world.call(runner.id, session, async () => ok(null))
    assert.equal(heard.ok, model.call(runner, session), 'whether the call is heard')
    if (!heard.ok) continue
    asking.push({ runner, runner_id: runner.id, session, slots, ...(again && { again }) })
    if (!again) model.asks(runner)
  }
  const given = await world.write(tx => dispatch(tx, world.ctx, asking))
  const leaders = await world.store.read(tx => tx.listGroups({ limit: 10 }))
  for (const { name, leader_runner_id } of leaders) model.groups.get(name)!.leader = leader_runner_id

  const places = asking.map(({ runner, slots, again }) => {
    const may = model.mayTakeWork(runner)
    const mine = again ? [] : model.heldBy(runner.id).filter(one => one.state === 'reserved' && !one.script)
    const kept = mine.filter(one => may && one.session === runner.session)
    for (const one of mine.filter(one => !kept.includes(one))) model.giveBack(one)
    const repeated = kept.slice(0, slots)
    const room = Math.min(slots - repeated.length, runner.capacity - model.heldBy(runner.id).length)
    return { runner, repeated, room: may ? Math.max(0, room) : 0 }
  })
  const taken: [ModelExecution, ModelRunner][] = []
  for (const place of places) {
    const reservations = given.get(place.runner.id) ?? []
    const old = place.repeated.map(one => one.lease)
    assert.deepEqual(
      reservations
        .map(({ lease_id }) => lease_id)
        .filter(id => old.includes(id))
        .toSorted(),
      old.toSorted(),
      'what was not confirmed comes again',
    )
    for (const { group, attempt, lease_id } of reservations) {
      if (old.includes(lease_id)) continue
      const one = model.executions.find(one => one.group === group && one.attempt === attempt)!
      assert.equal(one.state, 'queued')
      assert.ok(model.suits(place.runner, one), 'it is meant for this runner')
      assert.ok(place.room-- > 0, 'not more than asked for, nor than its capacity')
      model.reserve(one, place.runner, lease_id)
      taken.push([one, place.runner])
    }
    if (reservations.length > old.length)
      assert.ok(model.heldBy(place.runner.id).length <= place.runner.capacity, 'never more than capacity')
  }
  for (const one of model.executions.filter(one => one.state === 'queued')) {
    const could = places.some(({ runner, room }) => room > 0 && model.suits(runner, one))
    assert.ok(!could, 'nothing stays queued that somebody could have')
    for (const [other, runner] of taken)
      if (model.suits(runner, one)) {
        const order = other.priority - one.priority
        const first = model.executions.indexOf(other) < model.executions.indexOf(one)
        const older = first || other.created <= one.created
        assert.ok(order > 0 || (order === 0 && older), 'the more urgent one goes first')
      }
  }
}

const polls = step(
  'reserve',
  fc.uniqueArray(fc.tuple(anyRunner, fc.integer({ min: 1, max: 3 }), fc.boolean()), {
    minLength: 1,
    maxLength: runnerCount,
    selector: ([{ runner }]) => runner,
  }),
  poll,
)

async function confirmOne(
  model: Model,
  world: World,
  one: ModelExecution,
  { runner, session }: ReturnType<typeof callerIn>,
): Promise<void> {
  const { id } = await rowOf(world, one)
  const lease_id = one.lease ?? testId(99)
  const done = await world.call(runner.id, session, (tx, caller) =>
    confirm(tx, world.ctx, caller, id, lease_id),
  )
  assert.equal(done.ok, model.call(runner, session) && model.confirm(one, runner, lease_id))
}

/** A runner takes what it gets. */
async function work(model: Model, world: World, any: AnyRunner): Promise<void> {
  await poll(model, world, [[any, 3, false]])
  const caller = callerIn(model, any)
  for (const one of model.heldBy(caller.runner.id))
    if (one.state === 'reserved') await confirmOne(model, world, one, caller)
}

const works = step('work', anyRunner, work)

const confirms = step(
  'confirm',
  fc.tuple(anyRunner, fc.nat()),
  async (model, world, [any, number]) => {
    const one = pick(
      number,
      model.executions,
      ({ state, ended }) => state === 'reserved' || (state === 'lost' && !ended),
    )
    const runner =
      number % 7 === 0 || one.runner === null ? model.runners[any.runner]! : model.runner(one.runner)
    await confirmOne(model, world, one, callerIn(model, { ...any, runner: model.runners.indexOf(runner) }))
  },
  model => model.executions.length > 0,
)

const results = step(
  'result',
  fc.tuple(anyRunner, fc.nat(), fc.constantFrom('succeeded' as const, 'failed' as const, 'aborted' as const)),
  async (model, world, [any, number, outcome]) => {
    const running = ({ state, ended }: ModelExecution) =>
      ['running', 'aborting', 'lost'].includes(state) && !ended
    const one = pick(number, model.executions, running)
    if (one.state === 'reserved') return
    const runner =
      number % 7 === 0 || one.runner === null ? model.runners[any.runner]! : model.runner(one.runner)
    const { session } = callerIn(model, { ...any, runner: model.runners.indexOf(runner) })
    const { id } = await rowOf(world, one)
    const lease_id = one.lease ?? testId(99)
    const time = new Date(model.now).toISOString()
    const done = await world.call(runner.id, session, (tx, caller) =>
      acceptResult(tx, world.ctx, caller, id, {
        lease_id,
        outcome,
        exit_code: 0,
        reason: null,
        error_message: null,
        output: null,
        started_at: time,
        finished_at: time,
        log_length: 0,
        log_sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      }),
    )
    assert.equal(done.ok, model.call(runner, session) && model.finish(one, runner, lease_id, outcome))
  },
  model => model.executions.length > 0,
)

const heartbeats = step(
  'heartbeat',
  fc.record({
    any: anyRunner,
    which: fc.nat(),
    forgets: fc.boolean(),
    stranger: fc.option(fc.nat(), { freq: 4 }),
    state: fc.constantFrom(...Array<'ready'>(7).fill('ready'), 'draining' as const),
    free: fc.nat(2),
    polling: fc.boolean(),
  }),
  async (model, world, { any, which, forgets, stranger, state, free, polling }) => {
    const lost = (runner: ModelRunner) =>
      model.executions.some(one => one.runner === runner.id && one.state === 'lost' && !one.ended)
    const who = pick(which, model.runners, lost)
    const { runner, session } = callerIn(model, { ...any, runner: model.runners.indexOf(who) })
    const listed = model.executions.filter(
      one => one.runner === runner.id && one.confirms > 0 && !(forgets && one.priority === 1),
    )
    if (stranger !== null && model.executions.length > 0)
      listed.push(model.executions[stranger % model.executions.length]!)
    const ids = new Map<string, ModelExecution>()
    for (const one of listed) ids.set((await rowOf(world, one)).id, one)
    const message = { state, executions: [...ids.keys(), testId(1)], executors: [], free_slots: free }
    const answer = await world.call(runner.id, session, async (tx, caller) =>
      ok(await heartbeat(tx, world.ctx, caller, message, { polling, clock_difference_seconds: null })),
    )
    assert.equal(answer.ok, model.call(runner, session), 'whether the call is heard')
    if (!answer.ok) return
    Object.assign(runner, { state, free, seenUntil: model.watched + lease })
    if (polling) runner.pollUntil = model.watched + lease
    const [leases, gone] = [[] as string[], [] as string[]]
    for (const [id, one] of ids)
      if (one.state === 'queued' && !one.script && model.suits(runner, one)) {
        model.adopt(one, runner)
        leases.push(id)
      } else if (one.runner !== runner.id || one.ended) gone.push(id)
      else if (one.state !== 'reserved') {
        if (one.state === 'lost') model.comeBack(one)
        one.deadline = model.watched + lease
        leases.push(id)
      }
    for (const one of model.heldBy(runner.id))
      if (one.state === 'reserved' && !one.script && one.session !== session) model.giveBack(one)
    assert.deepEqual(Object.keys(answer.value.leases).toSorted(), leases.toSorted())
    assert.deepEqual(answer.value.gone.toSorted(), gone.toSorted())
    assert.deepEqual(answer.value.unknown, [testId(1)])
    const held = model.heldBy(runner.id)
    assert.equal(answer.value.abort.length, held.filter(one => one.state === 'aborting').length)
    const waiting = held.filter(one => one.script && one.state === 'reserved').map(one => one.group)
    assert.deepEqual(answer.value.scripts.map(one => one.group).toSorted(), waiting.toSorted())
  },
)

const leaves = step(
  'leave',
  fc.tuple(anyRunner, fc.constantFrom(0, 200)),
  async (model, world, [any, back]) => {
    const { runner, session } = callerIn(model, any)
    const done = await world.call(runner.id, session, async (tx, caller) =>
      ok(await leave(tx, world.ctx, caller, { back_within_seconds: back })),
    )
    assert.equal(done.ok, model.call(runner, session))
    if (!done.ok) return
    runner.state = 'left'
    for (const one of model.heldBy(runner.id))
      if (one.state !== 'reserved') one.deadline = Math.max(one.deadline!, model.watched + back * 1000)
      else if (!one.script) model.giveBack(one)
  },
)

// ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

async function pass(model: Model, world: World, wall: number, monotonic: number): Promise<void> {
  model.now += wall * 1000
  model.monotonic += monotonic * 1000
  world.clock.wall = model.now
  world.clock.monotonic = model.monotonic
}

async function sweep(model: Model, world: World): Promise<void> {
  await world.sweeper.sweep()
  model.sweep()
  jumped.delete(model)
  for (const [name, group] of model.groups) {
    const row = await world.store.read(tx => tx.group(name))
    if (row === undefined) continue
    assert.equal(row.leader_runner_id, model.elect(name), 'after a sweep the one leads who is to')
    group.leader = row.leader_runner_id
  }
}

const waits = step('wait', fc.constantFrom(5, 10, 30, 65, 130), async (model, world, seconds) => {
  for (let left = seconds; left > 0; left -= 13) {
    await pass(model, world, Math.min(13, left), Math.min(13, left))
    await sweep(model, world)
  }
})

/** Nobody hears anything for a while. */
const outages = step(
  'outage',
  fc.constantFrom(10, 16, 100, 2 * (lateResult / 1000)),
  async (model, world, seconds) => {
    await pass(model, world, seconds, seconds)
    await sweep(model, world)
  },
)

/** One jump at most between two sweeps: of two that make up for each other nobody can know. */
const jumped = new WeakSet<Model>()

const jumps = step(
  'jump',
  fc.constantFrom(-3600, -4, 4, 14, 100, 3600),
  async (model, world, seconds) => {
    await pass(model, world, seconds, 0)
    jumped.add(model)
  },
  model => !jumped.has(model),
)

const restarts = step('restart', fc.constantFrom(1, 20, 1000), async (model, world, seconds) => {
  await pass(model, world, seconds, -model.monotonic / 1000)
  world.restart()
  model.last = null
  await sweep(model, world)
})

// ── all of it ─────────────────────────────────────────────────────────────────────────────────────────────────────

const runs = Number(process.env.RUNNER_TEST_MODEL_RUNS ?? 150)
t.setTimeout(60_000 + runs * 600)
const steps = [
  ...[submits, submits, submits, submits, works, works, works, works, polls, polls, confirms],
  ...[heartbeats, heartbeats, heartbeats, heartbeats, results, results, waits, waits, waits, aborts, aborts],
  ...[patches, modes, scripts, registers, leaves, deletes, undeletes, undeletes, outages, jumps, restarts],
]

onEachDatabase(
  t,
  'whatever happens, the store has what the protocol says',
  async (t, database, directory) => {
    await using world = await makeWorld(database, directory, { late_result_seconds: lateResult / 1000 })
    await using other = await openBeside(database)
    // A round trip to PostgreSQL takes longer.
    const numRuns = world.store.engine === 'sqlite' ? runs : Math.ceil(runs / 4)
    await fc.assert(
      fc.asyncProperty(fc.commands(steps, { maxCommands: 60, size: '+2' }), async commands => {
        for (const table of ['executions', 'definitions', 'logs', 'runners', 'groups'])
          await other.run(`DELETE FROM ${table}`)
        await other.run("DELETE FROM meta WHERE id = 'sweep.tick'")
        // A writer that fails behind a statement of its own has the store forget all that it remembers.
        const failing = world.write(async tx => {
          await tx.deleteJob('none')
          throw new Error('forget')
        })
        await assert.rejects(failing, /forget/)
        world.restart()
        await fc.asyncModelRun(async () => ({ model: await begin(world), real: world }), commands)
      }),
      { numRuns },
    )
    t.pass()
  },
)

/** A connection of its own, for what no use case does: all runs go on in one store, each with an empty one. */
async function openBeside(database: string): Promise<AsyncDisposable & { run(sql: string): Promise<void> }> {
  if (database.startsWith('sqlite:')) {
    const sqlite = new DatabaseSync(database.slice('sqlite:'.length))
    return { run: async sql => sqlite.exec(sql), [Symbol.asyncDispose]: async () => sqlite.close() }
  }
  const client = new pg.Client(database)
  await client.connect()
  await client.query('SET search_path TO runner')
  return {
    run: async sql => void (await client.query(sql)),
    [Symbol.asyncDispose]: () => client.end(),
  }
}

async function begin(world: World): Promise<Model> {
  const model = new Model()
  model.now = world.clock.wall
  model.monotonic = world.clock.monotonic
  model.seen = model.now
  // A server listens after its first sweep.
  await world.sweeper.sweep()
  model.sweep()
  for (const name of groups) model.groups.set(name, { mode: 'all', leader: null, pinned: null })
  for (let number = 0; number < runnerCount; number++) {
    const group = groups[number % 3 === 2 ? 1 : 0]
    const capabilities = number % 2 === 0 ? ['special', 'remote-script'] : ['remote-script']
    const said = { capabilities, runner_group: group, taints: [], metadata: {} }
    const { id } = await world.addRunner({ id: testId(10 + number), said, set: { capacity: 2 } })
    model.runners.push({
      id,
      session: 1,
      pending: null,
      created: model.now,
      group,
      capabilities,
      capacity: 2,
      enabled: true,
      tainted: false,
      deleted: false,
      seenUntil: model.watched + lease,
      pollUntil: model.watched + lease,
      free: null,
      state: 'ready',
      misses: 0,
      unhealthyUntil: 0,
    })
  }
  return model
}
