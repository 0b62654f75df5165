/* The steps of test/behaviour/server/model.test.ts: a model and a server take each, and are compared afterwards. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { testId } from './rows.ts'
import { lease, Model } from './server-model.ts'
import type { ModelExecution } from './server-model-rows.ts'
import type { ServerRig } from './server-rig.ts'

/** A step of a history. */
export type Step = fc.AsyncCommand<Model, ServerRig>

export const groups = ['default', 'other'] as const
export const runnerCount = 4

/** The thing that a number means: three times of four one that is likely to matter. */
export function pick<T>(number: number, all: readonly T[], likely: (one: T) => boolean): T {
  const some = all.filter(likely)
  const from = number % 4 === 0 || some.length === 0 ? all : some
  return from[Math.floor(number / 4) % from.length]!
}

/** The row of an execution in the store. */
export async function rowOf(rig: ServerRig, one: ModelExecution) {
  const rows = await rig.attempts(one.group)
  return rows.find(row => row.attempt === one.attempt)!
}

/** A step: taken by the model and by the rig, which are compared afterwards. */
export function step<N>(
  name: string,
  input: fc.Arbitrary<N>,
  run: (model: Model, rig: ServerRig, input: N) => Promise<void>,
  check: (model: Model) => boolean = () => true,
): fc.Arbitrary<Step> {
  return input.map(input => ({
    check,
    toString: () => `${name}(${fc.stringify(input)})`,
    async run(model, rig) {
      await run(model, rig, input)
      await compare(model, rig)
    },
  }))
}

const key = (one: { group: string; attempt: number }) => `${one.group} ${one.attempt}`

async function compare(model: Model, rig: ServerRig): Promise<void> {
  const { rows, runners, leaders, notices } = await rig.store.read(async tx => ({
    rows: await tx.listExecutions({}, { limit: 1000 }),
    runners: await tx.listRunners({ limit: 100 }),
    leaders: await tx.listGroups({ limit: 100 }),
    notices: await tx.listNotices({}, { limit: 1000 }),
  }))
  const byId = new Map(rows.map(row => [row.id, row]))
  const linked = (id: string | null) => (id === null ? null : key(byId.get(id)!))
  for (const one of model.executions) {
    // Lines are judged below.
    const waits = rows.find(row => key(row) === key(one))?.waits ?? null
    if (one.waits !== 'time' && waits !== 'time') one.waits = waits
  }
  const seen = rows.map(row => ({
    key: key(row),
    state: row.state,
    waits: row.waits,
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
    waits: one.waits,
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
  const told = notices.map(({ event, execution_id }) => `${byId.get(execution_id!)!.group} ${event}`)
  assert.deepEqual(told.toSorted(), model.told().toSorted(), 'each end of a run, and each loss, is told once')
  invariants(model)
  linesAreRight(model)
}

/** Each run that waits for others has one for which it must wait, and none runs that must wait. */
function linesAreRight(model: Model): void {
  for (const job of ['turns', 'newest']) {
    const active = model.activeOf(job)
    if (model.waitingOf(job).length > 0) assert.ok(active.length > 0, 'nothing waits for a turn for ever')
    const runs = new Set(active.filter(one => !one.beside).map(one => one.group))
    assert.ok(runs.size <= 1, 'a job that takes turns runs once at a time')
  }
  const keyed = model.executions.filter(one => one.key !== null && !one.ended && one.waits !== 'turn')
  for (const all of Map.groupBy(keyed, one => one.key).values()) {
    const active = all.filter(one => one.waits !== 'key')
    const runs = (some: ModelExecution[]) => new Set(some.map(one => one.group)).size
    const [head] = all.filter(one => one.waits === 'key').toSorted((a, b) => b.priority - a.priority)
    if (head !== undefined) assert.ok(runs(active) >= head.limit, 'nothing waits for a key for ever')
    const own = active.filter(one => !one.beside)
    const most = Math.max(0, ...own.map(one => one.limit))
    assert.ok(runs(own) <= most, 'no more runs with a key than its limit says')
  }
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

/** The state from which each history begins: four runners in two groups, ready for work. */
export async function begin(rig: ServerRig): Promise<Model> {
  const model = new Model()
  model.now = rig.clock.wall
  model.monotonic = rig.clock.monotonic
  model.seen = model.now
  // A server listens after its first sweep.
  await rig.sweeper.sweep()
  model.sweep()
  for (const name of groups) model.groups.set(name, { mode: 'all', leader: null, pinned: null })
  for (let number = 0; number < runnerCount; number++) {
    const group = groups[number % 3 === 2 ? 1 : 0]
    const capabilities = number % 2 === 0 ? ['special', 'remote-script'] : ['remote-script']
    const said = { capabilities, runner_group: group, taints: [], metadata: {} }
    const { id } = await rig.addRunner({
      id: testId(10 + number),
      name: `runner-${number}`,
      said,
      set: { capacity: 2 },
    })
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
