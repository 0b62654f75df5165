import fc from 'fast-check'
import t from 'tap'
import { deleteRunner } from '../../../src/server/operator-side/delete-runner.ts'
import { getRunner } from '../../../src/server/operator-side/get-runner.ts'
import { patchRunner } from '../../../src/server/operator-side/patch-runner.ts'
import { type RegistrationCaller, register } from '../../../src/server/runner-side/register.ts'
import { attachedSettings } from '../../support/answers.ts'
import {
  byRegistrationToken,
  call,
  connected,
  ofItself,
  otherKey,
  registered,
  registration,
  type Session,
  tokenFor,
  uuid,
  weakKey,
} from '../../support/runners.ts'
import { onEachStore } from '../../support/server-rig.ts'

onEachStore(
  t,
  'a registration gives sealed credentials and settings, and is in force after the first call',
  async (t, rig) => {
    const session = await registered(rig)
    t.match(session, {
      runner_id: uuid(1),
      session: 1,
      settings: attachedSettings,
    })
    t.match(session.credentials_in_clear.token, /^rnr_runner_[A-Za-z0-9_-]{43}$/)
    t.equal(Buffer.from(session.credentials_in_clear.data_key, 'base64').length, 32)
    const view = () => rig.read(tx => getRunner(tx, rig.ctx, uuid(1)))
    t.match(await view(), { value: { state: 'never-connected', session: 0 } })
    t.same(await call(rig, session), { ok: true, value: { runner_id: uuid(1), session: 1 } })
    t.match(await view(), { value: { state: 'ready', session: 1 } })
    const row = await rig.read(tx => tx.runner(uuid(1)))
    t.equal(rig.ctx.keys.openAtRest(row!.data_key!), session.credentials_in_clear.data_key)
    t.notMatch(JSON.stringify(row), session.credentials_in_clear.data_key)
  },
)

onEachStore(
  t,
  'the same runner registers again: nothing of it changes before the first call with the new token',
  async (t, rig) => {
    const first = await connected(rig)
    rig.pass(1)
    const second = await registered(rig, registration({ name: 'two', runner_group: 'other', taints: ['x'] }))
    t.equal(second.session, 2)
    t.equal(second.created_at, first.created_at)
    const view = () => rig.read(tx => getRunner(tx, rig.ctx, uuid(1)))
    t.match(await view(), { value: { session: 1, name: 'one', runner_group: 'default', taints: [] } })
    t.match(await call(rig, first), { ok: true })
    t.match(await call(rig, second), { ok: true })
    t.match(await view(), { value: { session: 2, name: 'two', runner_group: 'other', taints: ['x'] } })
    t.match(await call(rig, first), { failure: { reason: 'session-superseded' } })
    const row = await rig.read(tx => tx.runner(uuid(1)))
    t.equal(rig.ctx.keys.openAtRest(row!.data_key!), second.credentials_in_clear.data_key)
  },
)

onEachStore(
  t,
  'operators see what a host tells of itself, as its session in force has told it',
  async (t, rig) => {
    const view = async () => {
      const runner = await rig.read(tx => getRunner(tx, rig.ctx, uuid(1)))
      return runner.ok ? runner.value.host : undefined
    }
    await connected(rig, { host: { os: 'Debian GNU/Linux', kernel: '6.1' } })
    t.same(await view(), { os: 'Debian GNU/Linux', kernel: '6.1' })
    const newer = await registered(rig, registration({ host: { os: 'Alpine Linux' } }))
    t.same(await view(), { os: 'Debian GNU/Linux', kernel: '6.1' })
    t.match(await call(rig, newer), { ok: true })
    t.same(await view(), { os: 'Alpine Linux' })
    await connected(rig)
    t.equal(await view(), undefined, 'a runner of release 0.1.0 tells nothing')
  },
)

onEachStore(
  t,
  'of two sessions that were both given before either called, the older can still come first',
  async (t, rig) => {
    const one = await registered(rig)
    const two = await registered(rig)
    t.same([one.session, two.session], [1, 2])
    t.match(await call(rig, one), { ok: true })
    t.match(await call(rig, two), { ok: true })
    t.match(await call(rig, one), { failure: { reason: 'session-superseded' } })
    const three = await registered(rig)
    const four = await registered(rig)
    t.match(await call(rig, four), { ok: true })
    t.match(await call(rig, three), { failure: { reason: 'session-superseded' } })
  },
)

onEachStore(
  t,
  'sessions that race are in the order of their numbers, whoever comes first',
  async (t, rig) => {
    const sessions = [await registered(rig), await registered(rig), await registered(rig)]
    const answers = await Promise.all([2, 0, 1, 2].map(index => call(rig, sessions[index]!)))
    t.same(
      answers.map(answer => (answer.ok ? answer.value.session : answer.failure.reason)),
      [3, 'session-superseded', 'session-superseded', 3],
    )
  },
)

onEachStore(
  t,
  'registrations that nobody uses do not pile up, nor do they end the session in force',
  async (t, rig) => {
    const inForce = await connected(rig)
    const pending: Session[] = []
    for (let count = 0; count < 20; count++) pending.push(await registered(rig))
    t.equal((await rig.read(tx => tx.runner(uuid(1))))!.pending.length, 16)
    t.match(await call(rig, inForce), { ok: true })
    t.match(await call(rig, pending[0]!), { failure: { reason: 'session-superseded' } })
    t.equal(await rig.read(tx => tx.tokenByHash(pending[3]!.token.hash)), undefined)
    t.match(await rig.read(tx => tx.tokenByHash(pending[4]!.token.hash)), { session: 6 })
    t.match(await call(rig, pending.at(-1)!), { ok: true })
  },
)

onEachStore(
  t,
  'another key, a key that is none and a deleted runner are refused, and nothing changes',
  async (t, rig) => {
    await connected(rig)
    const before = await rig.read(tx => tx.runner(uuid(1)))
    const attempt = (more: object, by: Parameters<typeof register>[3] = byRegistrationToken) =>
      rig.write(tx => register(tx, rig.ctx, registration(more), by))
    t.match(await attempt({ public_key: otherKey.publicKey }), { failure: { reason: 'identity-taken' } })
    for (const public_key of ['', 'nonsense', weakKey.publicKey, otherKey.privateKey])
      t.match(await attempt({ public_key }), { failure: { reason: 'malformed' } })
    t.match(await attempt({ uuid: uuid(2) }, { kind: 'runner', runner_id: uuid(1), session: 1 }), {
      failure: { reason: 'not-yours' },
    })
    t.match(await attempt({}, { kind: 'runner', runner_id: uuid(1), session: 0 }), {
      failure: { reason: 'session-superseded' },
    })
    t.same(await rig.read(tx => tx.runner(uuid(1))), before)
    t.match(await attempt({}, { kind: 'runner', runner_id: uuid(1), session: 1 }), { ok: true })

    await rig.write(tx => deleteRunner(tx, rig.ctx, uuid(1)))
    t.match(await attempt({}), { failure: { reason: 'deleted' } })
    await rig.write(tx => patchRunner(tx, rig.ctx, uuid(1), { deleted: false }))
    t.match(await attempt({}), { ok: true, value: { session: 3 } })
  },
)

onEachStore(t, 'the same key in other words is the same key', async (t, rig) => {
  await connected(rig)
  const public_key = `${registration().public_key.replaceAll('\n', '\r\n')}\n\n`
  const answer = await rig.write(tx =>
    register(tx, rig.ctx, registration({ public_key }), byRegistrationToken),
  )
  t.match(answer, { ok: true, value: { session: 2 } })
})

onEachStore(
  t,
  'the token of a runner that can renew it expires, that of an older one does not',
  async (t, rig) => {
    const view = async () => {
      const found = await rig.read(tx => getRunner(tx, rig.ctx, uuid(1)))
      return found.ok ? found.value.credentials_expire_at : found.failure
    }
    const old = await connected(rig)
    t.notOk('credentials_seconds' in old)
    t.equal(old.token.expires_at, null)
    t.equal(await view(), null)
    const renews = registration({ features: ['renew', 'what a later release can do'] })
    const newer = await registered(rig, renews, ofItself(old))
    t.equal(newer.credentials_seconds, 30 * 86_400)
    t.equal(newer.token.expires_at, rig.now() + 30 * 86_400_000)
    t.equal(await view(), null, 'not before its first call')
    await call(rig, newer)
    t.equal(await view(), new Date(rig.now() + 30 * 86_400_000).toISOString())
    rig.ctx.settings.credentials_days = 0
    const forEver = await registered(rig, renews, ofItself(newer))
    t.equal(forEver.token.expires_at, null)
    await call(rig, forEver)
    t.equal(await view(), null)
  },
)

onEachStore(
  t,
  'a runner of which the server knows nothing cannot register with its own token',
  async (t, rig) => {
    await connected(rig)
    const by: RegistrationCaller = { kind: 'runner', runner_id: uuid(2), session: 1 }
    const answer = await rig.write(tx => register(tx, rig.ctx, registration({ uuid: uuid(2) }), by))
    t.match(answer, { failure: { reason: 'bad-token' } })
  },
)

onEachStore(t, 'a use of a registration token is a runner, not a registration', async (t, rig) => {
  const by = await tokenFor(rig, { uses: 2 })
  const attempt = (n: number) => rig.write(tx => register(tx, rig.ctx, registration({ uuid: uuid(n) }), by))
  const answers = await Promise.all([1, 1, 2, 3, 1, 2].map(attempt))
  t.same(
    answers.map(answer => answer.ok || answer.failure.reason),
    [true, true, true, 'out-of-scope', true, true],
  )
  t.match(await attempt(3), { failure: { detail: /it has registered 2 runners, and may no more/ } })
  const token = by.kind === 'registration' ? await rig.read(tx => tx.token(by.token_id)) : undefined
  t.equal(token!.uses, 2)
  await rig.write(tx => tx.deleteToken(token!.id))
  t.match(await attempt(1), { failure: { reason: 'bad-token' } })
})

onEachStore(t, 'a registration token whose scope names no groups makes 50 at most', async (t, rig) => {
  const free = await tokenFor(rig, null)
  const named = await tokenFor(rig, { runner_groups: ['g60'] })
  const attempt = (runner_group: string, by = free) =>
    rig.write(tx => register(tx, rig.ctx, registration({ runner_group }), by))
  t.ok((await attempt('default')).ok, 'this one is always there')
  for (let number = 0; number < 50; number++) t.ok((await attempt(`g${number}`)).ok)
  t.match(await attempt('g50'), {
    failure: { reason: 'out-of-scope', detail: /runner_group g50 is new, and it allows 50 new ones/ },
  })
  t.ok((await attempt('g49')).ok, 'one that is there is not new')
  t.ok((await attempt('g60', named)).ok)
  t.ok((await attempt('g60')).ok)
})

onEachStore(t, 'a name has one living runner', async (t, rig) => {
  const attempt = (n: number, name: string) =>
    rig.write(tx => register(tx, rig.ctx, registration({ uuid: uuid(n), name }), byRegistrationToken))
  const one = await connected(rig, { name: 'db1' })
  t.match(await attempt(2, 'db1'), {
    failure: { reason: 'name-taken', detail: /\[remote\].*runner node delete/ },
  })
  t.equal(await rig.read(tx => tx.runner(uuid(2))), undefined)
  t.match(await attempt(2, 'db2'), { ok: true })
  t.match(await attempt(2, 'db1'), { failure: { reason: 'name-taken' } })

  const renamed = await registered(rig, registration({ name: 'db3' }))
  t.match(await attempt(3, 'db3'), { ok: true }, 'a name is taken with the first call')
  await call(rig, renamed)
  t.match(await rig.read(tx => tx.runner(uuid(1))), { name: 'db1', session: renamed.session })

  await rig.write(tx => deleteRunner(tx, rig.ctx, one.runner_id))
  t.match(await attempt(4, 'db1'), { ok: true }, 'that of a deleted runner is free')
  const undelete = () => rig.write(tx => patchRunner(tx, rig.ctx, uuid(1), { deleted: false }))
  t.match(await undelete(), { failure: { reason: 'name-taken' } })
  await rig.write(tx => deleteRunner(tx, rig.ctx, uuid(4)))
  t.match(await undelete(), { ok: true })
})

onEachStore(t, 'no runner gets a name that looks like that of another one', async (t, rig) => {
  const attempt = (name: string) =>
    rig.write(tx => register(tx, rig.ctx, registration({ uuid: uuid(2), name }), byRegistrationToken))
  await connected(rig, { name: 'rack 7' })
  for (const name of ['rack 7 ', ' rack 7', 'rack  7', 'rack\u00a07', 'rack 7\u200b', 'rack 7\u{e0041}'])
    t.match(await attempt(name), { failure: { reason: 'malformed', detail: /that nobody sees/ } })
  t.match(await attempt('Gestell 7ä'), { ok: true })
  // A server of an earlier release took it.
  await rig.write(async tx => tx.putRunner({ ...(await tx.runner(uuid(2)))!, name: 'rack 7 ' }))
  t.match(await attempt('rack 7 '), { ok: true })
})

onEachStore(t, 'runners of release 0.1.0 that share a name keep it', async (t, rig) => {
  await connected(rig)
  await rig.write(async tx => tx.putRunner({ ...(await tx.runner(uuid(1)))!, id: uuid(2) }))
  for (const id of [uuid(1), uuid(2)]) {
    const again = await registered(rig, registration({ uuid: id, name: 'one' }))
    t.match(await call(rig, again), { ok: true })
    t.match(await rig.read(tx => tx.runner(id)), { name: 'one' })
  }
})

const steps = fc.array(fc.oneof(fc.constant('register' as const), fc.nat({ max: 9 })), { maxLength: 15 })

onEachStore(
  t,
  'whatever the order of registrations and calls, the newest session that has called is in force, with its key',
  async (t, rig) => {
    let count = 100
    await fc.assert(
      fc.asyncProperty(steps, async steps => {
        const id = uuid(++count)
        const sessions: Session[] = []
        let inForce = 0
        for (const step of steps) {
          if (step === 'register') sessions.push(await registered(rig, registration({ uuid: id })))
          else if (sessions.length > 0) {
            const session = sessions[step % sessions.length]!
            const answer = await call(rig, session)
            if (answer.ok !== session.session >= inForce) return false
            inForce = Math.max(inForce, session.session)
          }
          const row = await rig.read(tx => tx.runner(id))
          if (row === undefined) continue
          const key = row.data_key === null ? undefined : rig.ctx.keys.openAtRest(row.data_key)
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

onEachStore(t, 'a new session says for itself what it is', async (t, rig) => {
  await connected(rig)
  await rig.write(async tx =>
    tx.putRunner({
      ...(await tx.runner(uuid(1)))!,
      state: 'left',
      back_until: tx.now,
      reserve_until: tx.now + 1,
      free_slots: 3,
      executors: [{ image: 'x', state: 'idle' }],
    }),
  )
  await connected(rig)
  t.match(await rig.read(tx => tx.runner(uuid(1))), {
    state: 'ready',
    back_until: null,
    reserve_until: 0,
    free_slots: null,
    executors: [],
  })
})
