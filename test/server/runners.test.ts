import fc from 'fast-check'
import t from 'tap'
import type { RunnerPatch } from '../../src/protocol/messages.ts'
import { deleteRunner, getRunner, listRunners, patchRunner } from '../../src/server/runners.ts'
import type { ExecutionRow } from '../../src/server/store/store.ts'
import { submit } from '../../src/server/submit.ts'
import { call, connected, registered, registration, uuid } from '../support/runners.ts'
import { onEachStore, type ServerRoom } from '../support/server-room.ts'

const patch = (room: ServerRoom, set: RunnerPatch, id = uuid(1)) =>
  room.write(tx => patchRunner(tx, room.ctx, id, set))
const view = async (room: ServerRoom, id = uuid(1)) => {
  const answer = await room.read(tx => getRunner(tx, room.ctx, id))
  if (!answer.ok) throw new Error(answer.failure.reason)
  return answer.value
}

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
  async (t, room) => {
    let count = 0
    await fc.assert(
      fc.asyncProperty(steps, async steps => {
        const id = uuid(++count)
        await connected(room, { uuid: id })
        const set: RunnerPatch = {}
        let said = {
          capabilities: ['remote', 'remote-script'],
          taints: [] as string[],
          runner_group: 'default',
        }
        for (const step of steps) {
          if ('set' in step) {
            Object.assign(set, step.set)
            await patch(room, step.set, id)
          } else {
            const session = await registered(room, registration({ uuid: id, ...step.say }))
            if (step.called) {
              await call(room, session)
              said = step.say
            }
          }
          const is = await view(room, id)
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

onEachStore(
  t,
  'runners are listed in pages, the oldest first, all of them or those of a group',
  async (t, room) => {
    for (const n of [3, 1, 2, 4]) {
      await registered(room, registration({ uuid: uuid(n), runner_group: n === 2 ? 'g' : 'default' }))
      room.pass(1)
    }
    await patch(room, { runner_group: 'g' }, uuid(4))
    const ids = async (limit: number, after?: string, group?: string) => {
      const page = { limit, ...(after !== undefined && { after }) }
      const { items, next } = await room.read(tx => listRunners(tx, room.ctx, page, group))
      return [items.map(item => item.id), next]
    }
    t.same(await ids(3), [[uuid(3), uuid(1), uuid(2)], uuid(2)])
    t.same(await ids(3, uuid(2)), [[uuid(4)], null])
    t.same(await ids(1, undefined, 'g'), [[uuid(2)], uuid(2)])
    t.same(await ids(1, uuid(2), 'g'), [[uuid(4)], null])
    t.same(await ids(9, undefined, 'default'), [[uuid(3), uuid(1)], null])
    t.same(await ids(9, uuid(9), 'default'), [[], null])
  },
)

async function holds(room: ServerRoom, to: Partial<ExecutionRow>): Promise<string> {
  const answer = await room.write(tx =>
    submit(tx, room.ctx, { image: 'x' }, { token_id: 't', body_sha256: '' }),
  )
  if (!answer.ok) throw new Error(answer.failure.reason)
  const { id } = answer.value
  await room.write(async tx =>
    tx.putExecution({ ...(await tx.execution(id))!, runner_id: uuid(1), deadline: tx.now + 1, ...to }),
  )
  return id
}

onEachStore(
  t,
  'a deleted runner leaves a tombstone; what it held is aborted; every call of it is refused',
  async (t, room) => {
    const session = await connected(room)
    const held = [
      await holds(room, { state: 'reserved' }),
      await holds(room, { state: 'running' }),
      await holds(room, { state: 'aborting' }),
      await holds(room, { state: 'lost' }),
    ]
    const next = await holds(room, { state: 'queued', runner_id: null })
    const lost = await holds(room, { state: 'lost', next_id: next })
    const ended = await holds(room, { state: 'succeeded', finished_at: room.now() })
    await room.write(async tx => tx.putExecution({ ...(await tx.execution(next))!, previous_id: lost }))

    t.match(await room.write(tx => deleteRunner(tx, room.ctx, uuid(1))), { ok: true })
    for (const id of held)
      t.match(await room.read(tx => tx.execution(id)), {
        state: 'aborted',
        finished_at: room.now(),
        deadline: null,
        reason: 'runner-deleted',
      })
    t.match(await room.read(tx => tx.execution(lost)), {
      state: 'lost',
      finished_at: room.now(),
      next_id: null,
    })
    t.match(await room.read(tx => tx.execution(next)), { state: 'queued', previous_id: null })
    t.match(await room.read(tx => tx.execution(ended)), { state: 'succeeded' })
    t.match(await view(room), { state: 'deleted', deleted: true, running: [] })
    t.match(await call(room, session), { failure: { reason: 'deleted' } })
    t.match(await patch(room, { capacity: 1 }), { failure: { reason: 'deleted' } })
    t.match(await room.write(tx => deleteRunner(tx, room.ctx, uuid(1))), { ok: true })
  },
)

onEachStore(
  t,
  'a runner that is allowed again has to register again, and is what it was',
  async (t, room) => {
    const session = await connected(room)
    await patch(room, { taints: ['t'] })
    await room.write(tx => deleteRunner(tx, room.ctx, uuid(1)))
    t.match(await patch(room, { deleted: false, capacity: 9 }), {
      value: { deleted: false, state: 'disconnected', taints: ['t'], capacity: 9 },
    })
    t.equal(await room.read(tx => tx.tokenByHash(session.token.hash)), undefined)
    const again = await registered(room)
    t.equal(again.created_at, session.created_at)
    t.match(await call(room, again), { ok: true })
    t.match(await view(room), { state: 'ready', taints: ['t'], session: 2 })
  },
)

onEachStore(t, 'a runner that nobody knows is not found', async (t, room) => {
  for (const answer of [
    await patch(room, { capacity: 1 }),
    await room.write(tx => deleteRunner(tx, room.ctx, uuid(1))),
    await room.read(tx => getRunner(tx, room.ctx, uuid(1))),
  ])
    t.match(answer, { failure: { reason: 'not-found' } })
})

onEachStore(t, 'of taints that two add or remove at once none is lost', async (t, room) => {
  await connected(room, { taints: ['said'] })
  const patch = (body: RunnerPatch) => room.write(tx => patchRunner(tx, room.ctx, uuid(1), body))
  const taints = async () => {
    const found = await room.read(tx => getRunner(tx, room.ctx, uuid(1)))
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
