import t from 'tap'
import type { Submit } from '../../src/protocol/messages.ts'
import { abort } from '../../src/server/executions.ts'
import { putJob } from '../../src/server/jobs.ts'
import type { ExecutionRow } from '../../src/server/store/store.ts'
import { type AskedBy, rerun, runJob, submit } from '../../src/server/submit.ts'
import { onEachStore, type ServerRoom } from '../support/server-room.ts'

const plain: AskedBy = { token_id: 'token', body_sha256: 'body' }
const send = (room: ServerRoom, body: Submit, by = plain) => room.write(tx => submit(tx, room.ctx, body, by))
const run = (room: ServerRoom, name: string, by = plain) => room.write(tx => runJob(tx, room.ctx, name, by))
const repeat = (room: ServerRoom, id: string, by = plain) => room.write(tx => rerun(tx, room.ctx, id, by))

async function change(room: ServerRoom, id: string, to: Partial<ExecutionRow>): Promise<void> {
  await room.write(async tx => tx.putExecution({ ...(await tx.execution(id))!, ...to }))
}

/** The execution of an answer. */
function made<T>(answer: { ok: true; value: T } | { ok: false; failure: unknown }): T {
  if (!answer.ok) throw new Error(JSON.stringify(answer.failure))
  return answer.value
}

onEachStore(
  t,
  'a submit queues the first attempt of a run, with a copy of its definition',
  async (t, room) => {
    const heard = new Promise(resolve => room.store.subscribe(resolve))
    const body: Submit = {
      job_name: 'n',
      image: 'x',
      capabilities: ['b', 'a'],
      retries: 2,
      priority: 5,
      max_queue_seconds: 1.5,
      abort_timeout_seconds: 7,
    }
    const view = made(await send(room, body))
    t.match(view, { job_name: 'n', attempt: 1, kind: 'command', state: 'queued', success: null, output: '' })
    t.equal(view.group, view.id)
    t.match(await room.read(tx => tx.execution(view.id)), {
      capabilities: ['a', 'b'],
      retries_left: 2,
      priority: 5,
      runner_group: 'default',
      queue_until: room.now() + 1500,
      deadline: room.now() + 1500,
      abort_timeout_seconds: 7,
    })
    t.match(await room.read(tx => tx.definition(view.group)), { body: { image: 'x', retries: 2 } })
    t.same(await heard, { about: 'queue', queue: 'default a,b' })
  },
)

onEachStore(t, 'an idempotency key gives the same execution for 24 hours, to one token', async (t, room) => {
  const keyed = { ...plain, idempotency_key: 'k' }
  const first = made(await send(room, { image: 'x' }, keyed))
  t.equal(made(await send(room, { image: 'x' }, keyed)).id, first.id)
  await change(room, first.id, { state: 'succeeded', finished_at: room.now() })
  t.match(made(await send(room, { image: 'x' }, keyed)), { id: first.id, state: 'succeeded' })
  t.not(made(await send(room, { image: 'x' }, { ...keyed, token_id: 'other' })).id, first.id)
  t.not(made(await send(room, { image: 'x' }, plain)).id, first.id)
  t.match(await send(room, { image: 'x' }, { ...keyed, body_sha256: 'another' }), {
    failure: { reason: 'key-reused' },
  })
  room.pass(24 * 3600 * 1000 - 1)
  t.equal(made(await send(room, { image: 'x' }, keyed)).id, first.id)
  room.pass(1)
  t.not(made(await send(room, { image: 'x' }, keyed)).id, first.id)
})

onEachStore(
  t,
  'a key is for one call: not for another job, nor for another kind of call',
  async (t, room) => {
    for (const name of ['a', 'b']) await room.write(tx => putJob(tx, room.ctx, name, { image: 'x' }))
    const keyed = { ...plain, idempotency_key: 'k' }
    const first = made(await run(room, 'a', keyed))
    t.equal(made(await run(room, 'a', keyed)).id, first.id)
    t.match(await run(room, 'b', keyed), { failure: { reason: 'key-reused' } })
    t.match(await repeat(room, first.id, keyed), { failure: { reason: 'key-reused' } })
  },
)

onEachStore(t, 'those that arrive together with the same key are one', async (t, room) => {
  const keyed = { ...plain, idempotency_key: 'k' }
  const answers = await Promise.all([1, 2, 3].map(() => send(room, { image: 'x' }, keyed)))
  t.equal(new Set(answers.map(answer => made(answer).id)).size, 1)
})

onEachStore(t, 'a call that was refused can be made again with its key', async (t, room) => {
  const keyed = { ...plain, idempotency_key: 'k' }
  t.match(await run(room, 'a', keyed), { failure: { reason: 'not-found' } })
  await room.write(tx => putJob(tx, room.ctx, 'a', { image: 'x' }))
  t.match(await run(room, 'a', keyed), { ok: true })
})

onEachStore(
  t,
  'a job that forbids concurrency runs once at a time, whatever state it is in',
  async (t, room) => {
    await room.write(tx => putJob(tx, room.ctx, 'a', { image: 'x', concurrency: 'forbid' }))
    const answers = await Promise.all([run(room, 'a'), run(room, 'a')])
    t.same(
      answers.map(answer => answer.ok),
      [true, false],
    )
    const { id } = made(answers[0]!)
    for (const state of ['queued', 'reserved', 'running', 'aborting', 'lost'] as const) {
      await change(room, id, { state })
      t.match(await run(room, 'a'), { failure: { reason: 'already-running' } }, state)
      t.match(
        await send(room, { job_name: 'a', image: 'x', concurrency: 'forbid' }),
        { failure: { reason: 'already-running' } },
        state,
      )
    }
    t.match(await send(room, { job_name: 'other', image: 'x', concurrency: 'forbid' }), { ok: true })
    await change(room, id, { state: 'lost', finished_at: room.now() })
    t.match(await run(room, 'a'), { ok: true })
    t.match(await send(room, { image: 'x', concurrency: 'forbid' }), { failure: { reason: 'malformed' } })
  },
)

onEachStore(t, 'a rerun is a new run of what an ended one was, and of nothing else', async (t, room) => {
  await room.write(tx => putJob(tx, room.ctx, 'a', { image: 'old', secret_env: { A: 'b' } }))
  const first = made(await run(room, 'a'))
  t.match(await repeat(room, first.id), { failure: { reason: 'not-finished' } })
  await change(room, first.id, { state: 'lost' })
  t.match(await repeat(room, first.id), { failure: { reason: 'not-finished' } })
  await room.write(async tx => {
    const aborted = abort({ ...(await tx.execution(first.id))!, state: 'queued' }, tx.now)
    if (aborted.ok) tx.putExecution(aborted.value)
  })
  await room.write(tx => putJob(tx, room.ctx, 'a', { image: 'new' }))
  const second = made(await repeat(room, first.id))
  t.not(second.group, first.group)
  t.match(second, { image: 'old', job_name: 'a', attempt: 1, state: 'queued' })
  const definitions = await room.read(tx => tx.definitions([first.group, second.group]))
  t.same(definitions.get(second.group)?.body, definitions.get(first.group)?.body)
  t.match(await repeat(room, '00000000-0000-4000-8000-000000000000'), { failure: { reason: 'not-found' } })
})
