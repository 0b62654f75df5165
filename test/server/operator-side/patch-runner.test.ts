import fc from 'fast-check'
import t from 'tap'
import type { RunnerPatch } from '../../../src/protocol/messages/runners.ts'
import { deleteRunner } from '../../../src/server/operator-side/delete-runner.ts'
import { getRunner } from '../../../src/server/operator-side/get-runner.ts'
import { patchRunner } from '../../../src/server/operator-side/patch-runner.ts'
import { call, connected, patch, registered, registration, uuid, viewOf } from '../../support/runners.ts'
import { onEachStore } from '../../support/server-rig.ts'

const settable = fc.record(
  {
    enabled: fc.boolean(),
    capacity: fc.integer({ min: 0, max: 1000 }),
    eviction_time_seconds: fc.integer({ min: 0, max: 100 }),
    abort_timeout_seconds: fc.integer({ min: 0, max: 100 }),
    capabilities: fc.uniqueArray(fc.constantFrom('a', 'b', 'remote-script')),
    taints: fc.uniqueArray(fc.constantFrom('t', 'u')),
    runner_group: fc.constantFrom('default', 'g', 'h'),
  },
  { requiredKeys: [] },
)

const sayable = fc.record({
  capabilities: fc.uniqueArray(fc.constantFrom('c', 'd')),
  taints: fc.uniqueArray(fc.constantFrom('v', 'w')),
  runner_group: fc.constantFrom('default', 'g', 'i'),
})

const steps = fc.array(
  fc.oneof(
    settable.map(set => ({ set })),
    fc.tuple(sayable, fc.boolean()).map(([say, called]) => ({ say, called })),
  ),
  { maxLength: 10 },
)

onEachStore(
  t,
  'no registration removes what an operator set, and the rest is as the last one in force says',
  async (t, rig) => {
    let count = 0
    await fc.assert(
      fc.asyncProperty(steps, async steps => {
        const id = uuid(++count)
        await connected(rig, { uuid: id })
        const set: RunnerPatch = {}
        let said = {
          capabilities: ['remote', 'remote-script'],
          taints: [] as string[],
          runner_group: 'default',
        }
        for (const step of steps) {
          if ('set' in step) {
            Object.assign(set, step.set)
            await patch(rig, step.set, id)
          } else {
            const session = await registered(rig, registration({ uuid: id, ...step.say }))
            if (step.called) {
              await call(rig, session)
              said = step.say
            }
          }
          const is = await viewOf(rig, id)
          const expected = {
            ...said,
            enabled: true,
            capacity: 4,
            eviction_time_seconds: 60,
            abort_timeout_seconds: 30,
            ...set,
          }
          for (const [key, value] of Object.entries(expected)) {
            const found = is[key as keyof typeof is]
            const sorted = (part: unknown) => JSON.stringify(Array.isArray(part) ? part.toSorted() : part)
            if (sorted(found) !== sorted(value)) throw new Error(`${key} is ${found}, not ${value}`)
          }
        }
      }),
      { numRuns: 20 },
    )
    t.pass()
  },
)

onEachStore(t, 'a runner that is allowed again has to register again, and is what it was', async (t, rig) => {
  const session = await connected(rig)
  await patch(rig, { taints: ['t'] })
  await rig.write(tx => deleteRunner(tx, rig.ctx, uuid(1)))
  t.match(await patch(rig, { deleted: false, capacity: 9 }), {
    value: { deleted: false, state: 'disconnected', taints: ['t'], capacity: 9 },
  })
  t.equal(await rig.read(tx => tx.tokenByHash(session.token.hash)), undefined)
  const again = await registered(rig)
  t.equal(again.created_at, session.created_at)
  t.match(await call(rig, again), { ok: true })
  t.match(await viewOf(rig), { state: 'ready', taints: ['t'], session: 2 })
})

onEachStore(t, 'of taints that two add or remove at once none is lost', async (t, rig) => {
  await connected(rig, { taints: ['said'] })
  const patch = (body: RunnerPatch) => rig.write(tx => patchRunner(tx, rig.ctx, uuid(1), body))
  const taints = async () => {
    const found = await rig.read(tx => getRunner(tx, rig.ctx, uuid(1)))
    return found.ok ? found.value.taints.toSorted() : found.failure
  }
  await Promise.all([
    patch({ add_taints: ['a'] }),
    patch({ add_taints: ['b'] }),
    patch({ add_taints: ['a', 'c'] }),
  ])
  t.same(await taints(), ['a', 'b', 'c', 'said'])
  await Promise.all([
    patch({ remove_taints: ['a'] }),
    patch({ remove_taints: ['said'] }),
    patch({ add_taints: ['d'] }),
  ])
  t.same(await taints(), ['b', 'c', 'd'])
  await patch({ taints: ['x', 'y'], add_taints: ['z'], remove_taints: ['x'] })
  t.same(await taints(), ['y', 'z'])
  const many = Array.from({ length: 63 }, (_, n) => `t${n}`)
  t.match(await patch({ add_taints: many }), { ok: false, failure: { reason: 'malformed' } })
  t.same(await taints(), ['y', 'z'])
})
