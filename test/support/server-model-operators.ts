/* The steps of operators in a history of test/behaviour/server/model.test.ts. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { abortExecution } from '../../src/server/operator-side/abort.ts'
import { deleteRunner } from '../../src/server/operator-side/delete-runner.ts'
import { patchGroup } from '../../src/server/operator-side/patch-group.ts'
import { patchRunner } from '../../src/server/operator-side/patch-runner.ts'
import { putJob } from '../../src/server/operator-side/put-job.ts'
import { submitScript } from '../../src/server/operator-side/script.ts'
import { submit } from '../../src/server/operator-side/submit.ts'
import { askedBy, everything, named, scriptBy } from './server-caller.ts'
import { queueLimit } from './server-model.ts'
import { groups, pick, rowOf, runnerCount, step } from './server-model-step.ts'

/** Names of jobs, and what each does beside itself. */
const jobs = [
  [null, 'allow'],
  [null, 'allow'],
  ['single', 'forbid'],
  ['turns', 'queue'],
  ['turns', 'queue'],
  ['newest', 'replace'],
] as const

export const submits = step(
  'submit',
  fc.record({
    group: fc.constantFrom(...groups),
    priority: fc.integer({ min: 0, max: 2 }),
    retries: fc.integer({ min: 0, max: 2 }),
    capable: fc.boolean(),
    job: fc.constantFrom(...jobs),
    key: fc.constantFrom(null, null, 'disk', 'network'),
    limit: fc.integer({ min: 1, max: 2 }),
    delay: fc.constantFrom(0, 7),
    wait: fc.option(fc.constantFrom(20, 100), { freq: 4 }),
  }),
  async (model, rig, { group, priority, retries, capable, job: which, key, limit, delay, wait }) => {
    const capabilities = capable ? ['special'] : []
    const [job, concurrency] = which
    const made = await rig.write(tx =>
      submit(
        tx,
        rig.ctx,
        {
          image: 'busybox',
          runner_group: group,
          priority,
          retries,
          retry: { delay_seconds: delay },
          capabilities,
          concurrency,
          queue_limit: queueLimit,
          ...(job !== null && { job_name: job }),
          ...(key !== null && { concurrency_key: key, concurrency_limit: limit }),
          ...(wait !== null && { max_queue_seconds: wait }),
          notify: [{ to: 'ops', on: ['success', 'failure', 'aborted', 'lost'] }],
        },
        askedBy(),
      ),
    )
    assert.equal(made.ok, model.admits(job, concurrency), 'whether it may be queued')
    if (!made.ok) return
    if (job !== null && concurrency === 'replace') model.replace(job)
    const more = { runnerGroup: group, priority, retries, capabilities, job, concurrency, key, limit }
    model.add({
      group: made.value.id,
      ...more,
      delay: delay * 1000,
      wait: wait === null ? null : wait * 1000,
    })
  },
)

/** A job that waits for its turns is defined anew as one that may run beside itself. */
export const redefines = step('redefine', fc.constantFrom('turns', 'newest'), async (model, rig, name) => {
  const body = { image: 'busybox', concurrency: 'allow' as const }
  await rig.write(tx => putJob(tx, rig.ctx, named(name), body))
  for (const one of model.waitingOf(name)) one.beside = true
})

export const aborts = step(
  'abort',
  fc.nat(),
  async (model, rig, number) => {
    const one = pick(number, model.executions, ({ ended }) => !ended)
    const { id } = await rowOf(rig, one)
    const done = await rig.write(tx => abortExecution(tx, rig.ctx, everything, id))
    assert.equal(done.ok, model.abort(one), 'whether it can be aborted')
  },
  model => model.executions.length > 0,
)

export const patches = step(
  'patch',
  fc.record({
    runner: fc.nat(runnerCount - 1),
    patch: fc.oneof(
      fc.record({ enabled: fc.boolean() }),
      fc.record({ tainted: fc.boolean() }),
      fc.record({ capacity: fc.integer({ min: 0, max: 3 }) }),
    ),
  }),
  async (model, rig, { runner: number, patch }) => {
    const runner = model.runners[number]!
    const { tainted, ...rest }: { tainted?: boolean; enabled?: boolean; capacity?: number } = patch
    const set = tainted === undefined ? rest : { taints: tainted ? ['broken'] : [] }
    const done = await rig.write(tx => patchRunner(tx, rig.ctx, runner.id, set))
    assert.equal(done.ok, !runner.deleted)
    if (done.ok) Object.assign(runner, patch)
  },
)

export const deletes = step('delete', fc.nat(runnerCount - 1), async (model, rig, number) => {
  const runner = model.runners[number]!
  await rig.write(tx => deleteRunner(tx, rig.ctx, runner.id))
  model.deleteRunner(runner)
})

export const undeletes = step('undelete', fc.nat(runnerCount - 1), async (model, rig, number) => {
  const runner = model.runners[number]!
  await rig.write(tx => patchRunner(tx, rig.ctx, runner.id, { deleted: false }))
  runner.deleted = false
})

export const modes = step(
  'group',
  fc.record({
    name: fc.constantFrom(...groups),
    leader: fc.boolean(),
    pinned: fc.option(fc.nat(runnerCount - 1)),
  }),
  async (model, rig, { name, leader, pinned }) => {
    const runner = pinned === null ? undefined : model.runners[pinned]!
    const pin = runner !== undefined && runner.group === name && !runner.deleted ? runner.id : null
    const mode = leader ? 'leader' : 'all'
    await rig.write(tx => patchGroup(tx, rig.ctx, name, { mode, pinned_runner_id: pin }))
    Object.assign(model.groups.get(name)!, { mode, pinned: pin })
  },
)

export const scripts = step('script', fc.nat(runnerCount - 1), async (model, rig, number) => {
  const runner = model.runners[number]!
  const done = await rig.write(tx =>
    submitScript(tx, rig.ctx, { image: 'busybox', command: ['true'], runner_id: runner.id }, scriptBy()),
  )
  const free = model.heldBy(runner.id).length < runner.capacity
  assert.equal(done.ok, model.mayWork({ ...runner, tainted: false }) && free, 'whether it gets the script')
  if (!done.ok) return
  const one = model.add({ group: done.value.id, runnerGroup: runner.group, script: true })
  const { lease_id } = await rig.execution(done.value.id)
  model.reserve(one, runner, lease_id!)
})
