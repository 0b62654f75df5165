import fc from 'fast-check'
import t from 'tap'
import { Execution, Runner, type Submit } from '../../src/protocol/messages.ts'
import { checkOf } from '../../src/protocol/validation.ts'
import { patchGroup } from '../../src/server/groups.ts'
import { newLog } from '../../src/server/log-rows.ts'
import { newExecution } from '../../src/server/new-execution.ts'
import { getRunner, patchRunner } from '../../src/server/runners.ts'
import type { ExecutionRow, LogRow } from '../../src/server/store/store.ts'
import { submit } from '../../src/server/submit.ts'
import { busy, busyRows, executionView, executionViews } from '../../src/server/views.ts'
import { connected, registered, registration, uuid } from '../support/runners.ts'
import { onEachStore, type ServerRoom } from '../support/server-room.ts'

const check = checkOf('body', Execution)

async function sent(room: ServerRoom, body: Partial<Submit> = {}): Promise<string> {
  const answer = await room.write(tx =>
    submit(tx, room.ctx, { image: 'x', ...body }, { token_id: 't', body_sha256: '' }),
  )
  if (!answer.ok) throw new Error(answer.failure.reason)
  room.pass(1)
  return answer.value.id
}

async function change(room: ServerRoom, id: string, to: Partial<ExecutionRow>): Promise<void> {
  await room.write(async tx => tx.putExecution({ ...(await tx.execution(id))!, ...to }))
}

const view = (room: ServerRoom, id: string) =>
  room.read(async tx => executionView(tx, room.ctx, (await tx.execution(id))!))

async function allBusy(room: ServerRoom): Promise<Execution[]> {
  const all: Execution[] = []
  for await (const one of busy(room, room.ctx, await room.read(busyRows))) all.push(one)
  return all
}

async function logged(
  room: ServerRoom,
  id: string,
  bytes: Uint8Array,
  more: Partial<LogRow> = {},
): Promise<void> {
  await room.write(async tx => {
    tx.putLog({ ...newLog(id), length: bytes.length, ...more })
    await tx.writeLog(id, 0, bytes)
  })
}

onEachStore(t, 'a view is as the protocol says, in every state', async (t, room) => {
  const id = await sent(room)
  for (const state of ['queued', 'reserved', 'running', 'aborting', 'lost'] as const) {
    await change(room, id, { state })
    const seen = await view(room, id)
    t.equal(check(seen), undefined)
    t.match(seen, { state, success: null, finished_at: null })
  }
  for (const state of ['succeeded', 'failed', 'aborted', 'withdrawn', 'lost'] as const) {
    await change(room, id, { state, finished_at: room.now() })
    t.match(await view(room, id), { state, success: state === 'succeeded', finished_at: /Z$/ })
  }
})

onEachStore(
  t,
  'the output is the end of the log, cut between characters, whatever their length',
  async (t, room) => {
    const id = await sent(room)
    await change(room, id, { state: 'running' })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'ü', '€', '😀'), { minLength: 1, maxLength: 7 }),
        fc.integer({ min: 0, max: 3 }),
        async (characters, cut) => {
          const text = characters.join('').repeat(Math.ceil(70_000 / characters.length))
          const whole = Buffer.from(text)
          const bytes = whole.subarray(0, whole.length - cut)
          await logged(room, id, bytes)
          const { output } = await view(room, id)
          if (output.includes('\ufffd') || !text.includes(output)) return false
          const size = Buffer.byteLength(output)
          return size <= 65_536 && size > 65_536 - 8
        },
      ),
      { numRuns: 20 },
    )
    await change(room, id, { state: 'succeeded', finished_at: room.now() })
    await logged(room, id, Buffer.from('\ufeffok \u20ac').subarray(0, -1))
    t.equal((await view(room, id)).output, '\ufeffok \ufffd')
  },
)

onEachStore(t, 'of a log without its middle the output is from the tail', async (t, room) => {
  const id = await sent(room)
  await logged(room, id, Buffer.from('head-middle-tail'), {
    head: 4,
    tail: 12,
    comments: ['c'],
    status_line: 's',
  })
  t.match(await view(room, id), {
    output: 'tail',
    comments: ['c'],
    status_line: 's',
    log: { length: 16, truncated: true, sha256: null, complete: false },
  })
})

onEachStore(t, 'passwords among the output properties are not shown, at any depth', async (t, room) => {
  const properties = [
    { name: 'token', category: 'output' as const, password: true },
    { name: 'server', category: 'output' as const, kind: 'CI' },
    { name: 'url', category: 'output' as const },
  ]
  const id = await sent(room, { input: { task: { type: 'a.T', properties } } })
  const result = { lease_id: uuid(7), outcome: 'succeeded', exit_code: 0, output_sha256: null } as const
  await change(room, id, { state: 'succeeded', finished_at: room.now(), result })
  const leave = (output: string) => room.write(async tx => tx.putOutput(id, room.ctx.keys.sealAtRest(output)))
  const server = {
    type: 'a.S',
    properties: [
      { name: 'p', password: true, value: 'top' },
      { name: 'h', value: 'host' },
    ],
  }
  await leave(JSON.stringify({ exitCode: 0, outputProperties: { token: 'top', server, url: 'u' } }))
  const seen = await view(room, id)
  t.notMatch(JSON.stringify(seen), 'top')
  t.match(seen.output_properties, {
    token: '********',
    server: { properties: [{ value: '********' }, { value: 'host' }] },
    url: 'u',
  })
  for (const odd of ['', 'no JSON', 'null', '[]', '{"outputProperties": 1}']) {
    await leave(odd)
    t.equal((await view(room, id)).output_properties, null)
  }
})

onEachStore(t, 'busy are those that run or are being ended, all of them', async (t, room) => {
  const ids = [await sent(room), await sent(room), await sent(room), await sent(room)]
  await change(room, ids[0]!, { state: 'running' })
  await change(room, ids[1]!, { state: 'reserved' })
  await change(room, ids[2]!, { state: 'aborting' })
  const seen = await allBusy(room)
  t.same(seen.map(execution => execution.id).toSorted(), [ids[0], ids[2]])
})

onEachStore(t, 'a queued execution says what it waits for', async (t, room) => {
  const waits = async (id: string) => (await view(room, id)).waiting_because
  const id = await sent(room)
  t.equal(await waits(id), 'group default has no runner')
  await registered(room)
  t.equal(await waits(id), 'no runner of group default can take it: 1 not connected')
  await connected(room, { name: 'one' })
  t.equal(await waits(id), 'a runner is about to take it')
  const second = await sent(room, { priority: -1 })
  t.equal(await waits(second), '1 other goes first')
  const special = await sent(room, { capabilities: ['gpu', 'remote'] })
  t.equal(
    await waits(special),
    'no runner of group default can take it: 1 without capability gpu; 1 other goes first',
  )
  const set = (to: Parameters<typeof patchRunner>[3]) =>
    room.write(tx => patchRunner(tx, room.ctx, uuid(1), to))
  await set({ taints: ['t'] })
  t.equal(await waits(id), 'no runner of group default can take it: 1 tainted')
  await set({ taints: [], capacity: 0 })
  await connected(room, { uuid: uuid(2) })
  await room.write(tx => patchRunner(tx, room.ctx, uuid(2), { enabled: false }))
  t.equal(await waits(id), 'no runner of group default can take it: 1 full, 1 disabled')
  await room.write(tx => patchGroup(tx, room.ctx, 'default', { mode: 'leader' }))
  t.equal(await waits(id), 'the leader of group default, one, is full')
  await set({ taints: ['t'] })
  t.equal(await waits(id), 'group default has no leader: 1 tainted, 1 disabled')
  await change(room, id, { state: 'running' })
  t.equal(await waits(id), null)
  const rows = await room.read(tx => tx.listExecutions({}, { limit: 10 }))
  const views = await room.read(tx => executionViews(tx, room.ctx, rows))
  t.same(
    views.map(seen => seen.id),
    rows.map(row => row.id),
  )
})

onEachStore(t, 'a runner is shown as the protocol says', async (t, room) => {
  await connected(room, registration({ metadata: { rack: '7' } }))
  const id = await sent(room)
  await change(room, id, { state: 'running', runner_id: uuid(1) })
  const seen = await room.read(tx => getRunner(tx, room.ctx, uuid(1)))
  t.ok(seen.ok)
  if (!seen.ok) return
  t.equal(checkOf('body', Runner)(seen.value), undefined)
  t.match(seen.value, { running: [id], metadata: { rack: '7' }, role: null, last_heartbeat_at: null })
})

onEachStore(t, 'where thousands run, each shows less of its log, and none is left out', async (t, room) => {
  const ids = await room.write(async tx =>
    Array.from({ length: 2048 }, () => {
      const row = newExecution(tx, room.ctx, { body: { image: 'x' }, sealed: '' }, null, undefined)
      tx.putExecution({ ...row, state: 'running' })
      return row.id
    }),
  )
  await logged(room, ids[0]!, Buffer.alloc(70_000, 'a'))
  const seen = await allBusy(room)
  t.equal(new Set(seen.map(execution => execution.id)).size, 2048)
  t.equal(seen.find(execution => execution.id === ids[0])?.output.length, 4096)
  t.equal((await view(room, ids[0]!)).output.length, 65_536)
})

onEachStore(
  t,
  'those that go before one in the queues of its group are counted, up to a limit',
  async (t, room) => {
    const bodies = fc.record({
      runner_group: fc.constantFrom('a', 'a-b', 'a.b', 'b'),
      capabilities: fc.subarray(['gpu', 'remote', 'x']),
      priority: fc.integer({ min: -2, max: 2 }),
    })
    const bodiesSent = fc.sample(fc.array(bodies, { minLength: 40, maxLength: 40 }), {
      numRuns: 1,
      seed: 7,
    })[0]!
    const rows: ExecutionRow[] = []
    for (const body of bodiesSent) {
      const id = await sent(room, body)
      rows.push((await room.read(tx => tx.execution(id)))!)
    }
    for (const [at, row] of rows.entries()) {
      const before = rows.filter(
        (other, place) =>
          other.runner_group === row.runner_group &&
          (other.priority > row.priority || (other.priority === row.priority && place < at)),
      ).length
      t.equal(await room.read(tx => tx.countBefore(row, 1000)), before)
      t.equal(await room.read(tx => tx.countBefore(row, 2)), Math.min(2, before))
    }
  },
)
