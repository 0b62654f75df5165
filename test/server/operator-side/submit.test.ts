import t from 'tap'
import type { Submit } from '../../../src/protocol/messages/jobs.ts'
import { putJob } from '../../../src/server/operator-side/put-job.ts'
import { runJob } from '../../../src/server/operator-side/run-job.ts'
import { submit } from '../../../src/server/operator-side/submit.ts'
import type { AskedBy } from '../../../src/server/state/idempotency.ts'
import type { ExecutionRow } from '../../../src/store/rows.ts'
import { askedBy, named } from '../../support/server-caller.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const plain: AskedBy = askedBy()

const send = (rig: ServerRig, body: Submit, by = plain) => rig.write(tx => submit(tx, rig.ctx, body, by))

const run = (rig: ServerRig, name: string, by = plain) => rig.write(tx => runJob(tx, rig.ctx, name, by))

async function change(rig: ServerRig, id: string, to: Partial<ExecutionRow>): Promise<void> {
  await rig.write(async tx => tx.putExecution({ ...(await tx.execution(id))!, ...to }))
}

/** The execution of an answer. */
function made<T>(answer: { ok: true; value: T } | { ok: false; failure: unknown }): T {
  if (!answer.ok) throw new Error(JSON.stringify(answer.failure))
  return answer.value
}

onEachStore(
  t,
  'a submit queues the first attempt of a run, with a copy of its definition',
  async (t, rig) => {
    const heard = new Promise(resolve => rig.store.subscribe(resolve))
    const body: Submit = {
      job_name: 'n',
      image: 'x',
      capabilities: ['b', 'a'],
      retries: 2,
      priority: 5,
      max_queue_seconds: 1.5,
      abort_timeout_seconds: 7,
    }
    const view = made(await send(rig, body))
    t.match(view, { job_name: 'n', attempt: 1, kind: 'command', state: 'queued', success: null, output: '' })
    t.equal(view.group, view.id)
    t.match(await rig.read(tx => tx.execution(view.id)), {
      capabilities: ['a', 'b'],
      retries_left: 2,
      priority: 5,
      runner_group: 'default',
      queue_until: rig.now() + 1500,
      deadline: rig.now() + 1500,
      abort_timeout_seconds: 7,
    })
    t.match(await rig.read(tx => tx.definition(view.group)), { body: { image: 'x', retries: 2 } })
    t.same(await heard, { about: 'queue', queue: 'default a,b' })
  },
)

onEachStore(
  t,
  'a job that forbids concurrency runs once at a time, whatever state it is in',
  async (t, rig) => {
    await rig.write(tx => putJob(tx, rig.ctx, named('a'), { image: 'x', concurrency: 'forbid' }))
    const answers = await Promise.all([run(rig, 'a'), run(rig, 'a')])
    t.same(
      answers.map(answer => answer.ok),
      [true, false],
    )
    const { id } = made(answers[0]!)
    for (const state of ['queued', 'reserved', 'running', 'aborting', 'lost'] as const) {
      await change(rig, id, { state })
      t.match(await run(rig, 'a'), { failure: { reason: 'already-running' } }, state)
      t.match(
        await send(rig, { job_name: 'a', image: 'x', concurrency: 'forbid' }),
        { failure: { reason: 'already-running' } },
        state,
      )
    }
    t.match(await send(rig, { job_name: 'other', image: 'x', concurrency: 'forbid' }), { ok: true })
    await change(rig, id, { state: 'lost', finished_at: rig.now() })
    t.match(await run(rig, 'a'), { ok: true })
    t.match(await send(rig, { image: 'x', concurrency: 'forbid' }), { failure: { reason: 'malformed' } })
  },
)
