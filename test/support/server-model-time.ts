/* Time that passes in a history of test/behaviour/server/model.test.ts: clocks that jump, servers that are away. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { releaseDue } from '../../src/server/upkeep/release.ts'
import { lateResult, type Model } from './server-model.ts'
import { step } from './server-model-step.ts'
import type { ServerRig } from './server-rig.ts'

async function pass(model: Model, rig: ServerRig, wall: number, monotonic: number): Promise<void> {
  model.now += wall * 1000
  model.monotonic += monotonic * 1000
  rig.clock.wall = model.now
  rig.clock.monotonic = model.monotonic
}

async function sweep(model: Model, rig: ServerRig): Promise<void> {
  await rig.sweeper.sweep()
  model.sweep()
  await releaseDue(rig.store)
  model.release()
  jumped.delete(model)
  for (const [name, group] of model.groups) {
    const row = await rig.store.read(tx => tx.group(name))
    if (row === undefined) continue
    assert.equal(row.leader_runner_id, model.elect(name), 'after a sweep the one leads who is to')
    group.leader = row.leader_runner_id
  }
}

export const waits = step('wait', fc.constantFrom(5, 10, 30, 65, 130), async (model, rig, seconds) => {
  for (let left = seconds; left > 0; left -= 13) {
    await pass(model, rig, Math.min(13, left), Math.min(13, left))
    await sweep(model, rig)
  }
})

/** Nobody hears anything for a while. */
export const outages = step(
  'outage',
  fc.constantFrom(10, 16, 100, 2 * (lateResult / 1000)),
  async (model, rig, seconds) => {
    await pass(model, rig, seconds, seconds)
    await sweep(model, rig)
  },
)

/** One jump at most between two sweeps: of two that make up for each other nobody can know. */
const jumped = new WeakSet<Model>()

export const jumps = step(
  'jump',
  fc.constantFrom(-3600, -4, 4, 14, 100, 3600),
  async (model, rig, seconds) => {
    await pass(model, rig, seconds, 0)
    jumped.add(model)
  },
  model => !jumped.has(model),
)

export const restarts = step('restart', fc.constantFrom(1, 20, 1000), async (model, rig, seconds) => {
  await pass(model, rig, seconds, -model.monotonic / 1000)
  rig.restart()
  model.last = null
  await sweep(model, rig)
})
