import fc from 'fast-check'
import t from 'tap'
import { register } from '../../src/server/registration.ts'
import { deleteRunner, getRunner, patchRunner } from '../../src/server/runners.ts'
import { callerOf } from '../../src/server/session.ts'
import {
  byRegistrationToken,
  call,
  connected,
  otherKey,
  registered,
  registration,
  type Session,
  uuid,
  weakKey,
} from '../support/runners.ts'
import { onEachStore } from '../support/server-room.ts'

onEachStore(
  t,
  'a registration gives sealed credentials and settings, and is in force after the first call',
  async (t, room) => {
    const session = await registered(room)
    t.match(session, {
      runner_id: uuid(1),
      session: 1,
      settings: {
        enabled: true,
        capacity: 4,
        eviction_time_seconds: 60,
        abort_timeout_seconds: 30,
        ping_interval_seconds: 10,
        reserve_wait_seconds: 50,
        confirm_within_seconds: 30,
        lease_seconds: 60,
        late_result_seconds: 86_400,
        max_output_bytes: 33_554_432,
      },
    })
    t.match(session.credentials_in_clear.token, /^rnr_runner_[A-Za-z0-9_-]{43}$/)
    t.equal(Buffer.from(session.credentials_in_clear.data_key, 'base64').length, 32)
    const view = () => room.read(tx => getRunner(tx, room.ctx, uuid(1)))
    t.match(await view(), { value: { state: 'never-connected', session: 0 } })
    t.same(await call(room, session), { ok: true, value: { runner_id: uuid(1), session: 1 } })
    t.match(await view(), { value: { state: 'ready', session: 1 } })
    const row = await room.read(tx => tx.runner(uuid(1)))
    t.equal(room.ctx.keys.openAtRest(row!.data_key!), session.credentials_in_clear.data_key)
    t.notMatch(JSON.stringify(row), session.credentials_in_clear.data_key)
  },
)

onEachStore(
  t,
  'the same runner registers again: nothing of it changes before the first call with the new token',
  async (t, room) => {
    const first = await connected(room)
    room.pass(1000)
    const second = await registered(room, registration({ name: 'two', runner_group: 'other', taints: ['x'] }))
    t.equal(second.session, 2)
    t.equal(second.created_at, first.created_at)
    const view = () => room.read(tx => getRunner(tx, room.ctx, uuid(1)))
    t.match(await view(), { value: { session: 1, name: 'one', runner_group: 'default', taints: [] } })
    t.match(await call(room, first), { ok: true })
    t.match(await call(room, second), { ok: true })
    t.match(await view(), { value: { session: 2, name: 'two', runner_group: 'other', taints: ['x'] } })
    t.match(await call(room, first), { failure: { reason: 'session-superseded' } })
    const row = await room.read(tx => tx.runner(uuid(1)))
    t.equal(room.ctx.keys.openAtRest(row!.data_key!), second.credentials_in_clear.data_key)
  },
)

onEachStore(
  t,
  'of two sessions that were both given before either called, the older can still come first',
  async (t, room) => {
    const one = await registered(room)
    const two = await registered(room)
    t.same([one.session, two.session], [1, 2])
    t.match(await call(room, one), { ok: true })
    t.match(await call(room, two), { ok: true })
    t.match(await call(room, one), { failure: { reason: 'session-superseded' } })
    const three = await registered(room)
    const four = await registered(room)
    t.match(await call(room, four), { ok: true })
    t.match(await call(room, three), { failure: { reason: 'session-superseded' } })
  },
)

onEachStore(
  t,
  'sessions that race are in the order of their numbers, whoever comes first',
  async (t, room) => {
    const sessions = [await registered(room), await registered(room), await registered(room)]
    const answers = await Promise.all([2, 0, 1, 2].map(index => call(room, sessions[index]!)))
    t.same(
      answers.map(answer => (answer.ok ? answer.value.session : answer.failure.reason)),
      [3, 'session-superseded', 'session-superseded', 3],
    )
  },
)

onEachStore(
  t,
  'registrations that nobody uses do not pile up, nor do they end the session in force',
  async (t, room) => {
    const inForce = await connected(room)
    const pending: Session[] = []
    for (let count = 0; count < 20; count++) pending.push(await registered(room))
    t.equal((await room.read(tx => tx.runner(uuid(1))))!.pending.length, 16)
    t.match(await call(room, inForce), { ok: true })
    t.match(await call(room, pending[0]!), { failure: { reason: 'session-superseded' } })
    t.equal(await room.read(tx => tx.tokenByHash(pending[3]!.token.hash)), undefined)
    t.match(await room.read(tx => tx.tokenByHash(pending[4]!.token.hash)), { session: 6 })
    t.match(await call(room, pending.at(-1)!), { ok: true })
  },
)

onEachStore(
  t,
  'another key, a key that is none and a deleted runner are refused, and nothing changes',
  async (t, room) => {
    await connected(room)
    const before = await room.read(tx => tx.runner(uuid(1)))
    const attempt = (more: object, by: Parameters<typeof register>[3] = byRegistrationToken) =>
      room.write(tx => register(tx, room.ctx, registration(more), by))
    t.match(await attempt({ public_key: otherKey.publicKey }), { failure: { reason: 'identity-taken' } })
    for (const public_key of ['', 'nonsense', weakKey.publicKey, otherKey.privateKey])
      t.match(await attempt({ public_key }), { failure: { reason: 'malformed' } })
    t.match(await attempt({ uuid: uuid(2) }, { kind: 'runner', runner_id: uuid(1), session: 1 }), {
      failure: { reason: 'not-yours' },
    })
    t.match(await attempt({}, { kind: 'runner', runner_id: uuid(1), session: 0 }), {
      failure: { reason: 'session-superseded' },
    })
    t.same(await room.read(tx => tx.runner(uuid(1))), before)
    t.match(await attempt({}, { kind: 'runner', runner_id: uuid(1), session: 1 }), { ok: true })

    await room.write(tx => deleteRunner(tx, room.ctx, uuid(1)))
    t.match(await attempt({}), { failure: { reason: 'deleted' } })
    await room.write(tx => patchRunner(tx, room.ctx, uuid(1), { deleted: false }))
    t.match(await attempt({}), { ok: true, value: { session: 3 } })
  },
)

onEachStore(t, 'the same key in other words is the same key', async (t, room) => {
  await connected(room)
  const public_key = `${registration().public_key.replaceAll('\n', '\r\n')}\n\n`
  const answer = await room.write(tx =>
    register(tx, room.ctx, registration({ public_key }), byRegistrationToken),
  )
  t.match(answer, { ok: true, value: { session: 2 } })
})

onEachStore(t, 'a call needs the header, its own path and the session of its token', async (t, room) => {
  const session = await registered(room)
  t.match(await room.write(tx => callerOf(tx, room.ctx, session.token, undefined)), {
    failure: { reason: 'malformed' },
  })
  t.match(await call(room, session, 2), { failure: { reason: 'malformed' } })
  t.match(await call(room, session, 0), { failure: { reason: 'session-superseded' } })
  t.match(await call(room, session, 1, uuid(2)), { failure: { reason: 'not-yours' } })
  t.match(await room.read(tx => tx.runner(uuid(1))), { session: 0, seen_until: 0 })
  t.match(await call(room, session, 1, uuid(1)), { ok: true })
})

onEachStore(
  t,
  'calls keep a runner connected for a lease, without a write for each of them',
  async (t, room) => {
    const session = await connected(room)
    const seen = async () => (await room.read(tx => tx.runner(uuid(1))))!.seen_until
    const first = await seen()
    t.equal(first, room.now() + 60_000)
    room.pass(10_000)
    await call(room, session)
    t.equal(await seen(), first)
    room.pass(1)
    await call(room, session)
    t.equal(await seen(), first + 10_001)
    const state = async () => {
      const view = await room.read(tx => getRunner(tx, room.ctx, uuid(1)))
      return view.ok && view.value.state
    }
    room.pass(60_000)
    t.equal(await state(), 'disconnected')
    await call(room, session)
    t.equal(await state(), 'ready')
  },
)

const steps = fc.array(fc.oneof(fc.constant('register' as const), fc.nat({ max: 9 })), { maxLength: 15 })

onEachStore(
  t,
  'whatever the order of registrations and calls, the newest session that has called is in force, with its key',
  async (t, room) => {
    let count = 100
    await fc.assert(
      fc.asyncProperty(steps, async steps => {
        const id = uuid(++count)
        const sessions: Session[] = []
        let inForce = 0
        for (const step of steps) {
          if (step === 'register') sessions.push(await registered(room, registration({ uuid: id })))
          else if (sessions.length > 0) {
            const session = sessions[step % sessions.length]!
            const answer = await call(room, session)
            if (answer.ok !== session.session >= inForce) return false
            inForce = Math.max(inForce, session.session)
          }
          const row = await room.read(tx => tx.runner(id))
          if (row === undefined) continue
          const key = row.data_key === null ? undefined : room.ctx.keys.openAtRest(row.data_key)
          if (row.session !== inForce || key !== sessions[inForce - 1]?.credentials_in_clear.data_key)
            return false
        }
        return sessions.every(({ session }, index) => session === index + 1)
      }),
      { numRuns: 20 },
    )
    t.pass()
  },
)

onEachStore(t, 'a new session says for itself what it is', async (t, room) => {
  await connected(room)
  await room.write(async tx =>
    tx.putRunner({
      ...(await tx.runner(uuid(1)))!,
      state: 'left',
      back_until: tx.now,
      reserve_until: tx.now + 1,
      free_slots: 3,
      executors: [{ image: 'x', state: 'idle' }],
    }),
  )
  await connected(room)
  t.match(await room.read(tx => tx.runner(uuid(1))), {
    state: 'ready',
    back_until: null,
    reserve_until: 0,
    free_slots: null,
    executors: [],
  })
})
