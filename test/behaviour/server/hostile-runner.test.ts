/*
 * A runner of the group `dev` that does whatever a runner can do, at random: it never sees a job or a secret of the
 * group `prod`, nor one for which its registration token gives it no capability, and it keeps nobody from them for good.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Registration } from '../../../src/protocol/messages/registration.ts'
import type { Reservation } from '../../../src/protocol/messages/reservations.ts'
import { unseal } from '../../../src/protocol/seal.ts'
import { ok } from '../../../src/result.ts'
import { deleteRunner } from '../../../src/server/operator-side/delete-runner.ts'
import { capabilitiesOf, groupOf } from '../../../src/server/rules/effective.ts'
import { isRecalled, nobody } from '../../../src/server/rules/transitions.ts'
import { channelState } from '../../../src/server/runner-side/commands.ts'
import { leave } from '../../../src/server/runner-side/leave.ts'
import { type RegistrationCaller, register } from '../../../src/server/runner-side/register.ts'
import type { RunnerRow } from '../../../src/store/runner-row.ts'
import { testId } from '../../support/rows.ts'
import {
  call,
  otherKey,
  registered,
  registration,
  type Session,
  tokenFor,
  uuid,
} from '../../support/runners.ts'
import { onEachStore, type Place, type ServerRig } from '../../support/server-rig.ts'
import { runs } from '../../support/tier.ts'

t.setTimeout(1_800_000)

/** The scope of the hostile runner, a job inside it, and two jobs outside it. */
const scope = { runner_groups: ['dev'], capabilities: ['container'], names: 'dev-*', metadata_keys: [] }
const dev = { runner_group: 'dev', capabilities: ['container'], secret_env: { A: 'secret-of-dev' } }
const prod = { runner_group: 'prod', secret_env: { A: 'secret-of-others' } }
const vault = { runner_group: 'dev', capabilities: ['secrets'], secret_env: { A: 'secret-of-others' } }

type Lease = Pick<Reservation, 'execution_id' | 'lease_id'>
type Honest = RunnerRow & { holds: Map<string, Lease> }

/** The things in one run of the model. */
interface Scene {
  rig: ServerRig
  number: number
  by: RegistrationCaller
  /** The runners that may have what the hostile one may not. */
  honest: Honest[]
  /** Executions of others, and all. */
  others: string[]
  all: string[]
  /** Of the hostile runner: all that it was ever given. */
  sessions: Session[]
  leases: Lease[]
}

/** Looks at an answer to the hostile runner, with all that it can open. */
function look({ others, sessions }: Scene, told: unknown, reservations: readonly Reservation[] = []): void {
  const keys = sessions.map(session => Buffer.from(session.credentials_in_clear.data_key, 'base64'))
  const sealed = reservations.flatMap(({ input, secret_values }) => [input, secret_values])
  const opened = sealed.flatMap(text =>
    text === null ? [] : keys.map(key => unseal(text, key)).flatMap(one => (one.ok ? String(one.value) : [])),
  )
  assert.doesNotMatch([JSON.stringify(told), ...opened].join('\n'), /secret-of-others/)
  for (const { execution_id } of reservations) assert.ok(!others.includes(execution_id), 'a job of others')
}

/** Looks at the store: the facts of the hostile runner, and its executions. */
async function lookAtStore({ rig, others, number }: Scene): Promise<void> {
  const own = ownIds(number)
  for (const id of own) {
    const row = await rig.read(tx => tx.runner(id))
    if (row === undefined) continue
    assert.equal(groupOf(row), 'dev')
    assert.ok(capabilitiesOf(row).every(capability => capability === 'container'))
    assert.match(row.name, /^dev-/)
    assert.deepEqual(row.said.metadata, {})
  }
  for (const id of others) {
    const row = await rig.execution(id)
    assert.ok(!own.includes(row.runner_id ?? '') || isRecalled(row), `it holds ${row.state}`)
  }
}

const ownIds = (number: number) => [uuid(number * 10), uuid(number * 10 + 1)]

interface Step {
  name: string
  take(scene: Scene): Promise<void>
}
const step = <N>(name: string, input: fc.Arbitrary<N>, take: (scene: Scene, input: N) => Promise<void>) =>
  input.map(
    (given): Step => ({ name: `${name} ${JSON.stringify(given)}`, take: scene => take(scene, given) }),
  )

const anything = fc.nat(1000)
const pick = <T>(all: readonly T[], which: number): T | undefined => all[which % Math.max(1, all.length)]
const asPlace = ({ runner_id, session }: Session): Place => ({ id: runner_id, session })

const claims = fc.record({
  name: fc.constantFrom('a', 'b', undefined),
  runner_group: fc.constantFrom('dev', 'dev', 'prod', 'default'),
  capabilities: fc.oneof(
    fc.constant<string[]>(['container']),
    fc.subarray(['container', 'secrets', 'remote-script']),
  ),
  metadata: fc.constantFrom({}, {}, { role: 'db' }),
  features: fc.subarray(['confirm', 'renew']),
})

const registers = step(
  'register',
  fc.record({ claims, token: fc.option(anything), which: fc.constantFrom(0, 0, 1, 'theirs' as const) }),
  async (scene, { claims: { name, ...said }, token, which }) => {
    const { rig, number, by, honest, sessions } = scene
    const victim = which === 'theirs' ? honest[0]! : undefined
    const own = token === null ? undefined : pick(sessions, token)
    const message: Registration = {
      ...registration(said),
      uuid: victim?.id ?? ownIds(number)[Number(which)]!,
      name: name === undefined ? 'db1' : `dev-${number}-${name}`,
      ...(victim && { public_key: victim.public_key }),
    }
    const caller: RegistrationCaller =
      own === undefined ? by : { kind: 'runner', runner_id: own.runner_id, session: own.session }
    if (victim === undefined) {
      const session = await registered(rig, message, caller).catch(String)
      look(scene, session)
      if (typeof session !== 'string') sessions.push(session)
    } else look(scene, await rig.write(tx => register(tx, rig.ctx, message, caller)))
  },
)

const beats = step(
  'heartbeat',
  fc.record({ who: anything, ids: fc.array(anything, { maxLength: 4 }), draining: fc.boolean() }),
  async (scene, { who, ids, draining }) => {
    const session = pick(scene.sessions, who)
    if (session === undefined) return
    const listed = ids.flatMap(which => pick(scene.all, which) ?? [])
    const state = draining ? 'draining' : 'ready'
    const answer = await scene.rig.heartbeat(asPlace(session), [...new Set(listed)], { state }).catch(String)
    look(scene, answer, typeof answer === 'string' ? [] : answer.scripts)
  },
)

const reserves = step('reserve', fc.tuple(anything, fc.boolean()), async (scene, [who, again]) => {
  const session = pick(scene.sessions, who)
  if (session === undefined) return
  const reservations = await scene.rig.reserve(asPlace(session), 10, again)
  look(scene, reservations, reservations)
  scene.leases.push(...reservations)
})

/** Any execution, by its lease, that of another one, or one that is made up. */
const anyLease = fc.record({ who: anything, id: anything, lease: fc.option(anything) })
const claimed = ({ all, leases }: Scene, { id, lease }: { id: number; lease: number | null }): Lease => ({
  execution_id: pick(all, id) ?? testId(1),
  lease_id: (lease === null ? undefined : pick(leases, lease)?.lease_id) ?? testId(id),
})

const confirms = step('confirm', anyLease, async (scene, given) => {
  const session = pick(scene.sessions, given.who)
  if (session !== undefined) look(scene, await scene.rig.confirm(asPlace(session), claimed(scene, given)))
})

const grabs = step('list all, then take all', anything, async (scene, which) => {
  const { rig, sessions, all } = scene
  const runner = asPlace(sessions.at(-1)!)
  look(scene, await rig.heartbeat(runner, all).catch(String))
  const reservations = await rig.reserve(runner, 10)
  look(scene, reservations, reservations)
  for (const id of all)
    look(scene, await rig.confirm(runner, claimed(scene, { id: all.indexOf(id), lease: which })))
})

const ends = step('log and result', anyLease, async (scene, given) => {
  const session = pick(scene.sessions, given.who)
  if (session === undefined) return
  const lease = claimed(scene, given)
  look(scene, await scene.rig.log(asPlace(session), lease, 0, 'forged'))
  look(scene, await scene.rig.result(asPlace(session), lease))
})

const listens = step('commands, or leave', fc.tuple(anything, fc.boolean()), async (scene, [who, leaves]) => {
  const session = pick(scene.sessions, who)
  if (session === undefined) return
  const { rig } = scene
  const told = await rig.call(session.runner_id, session.session, async (tx, caller) => {
    if (leaves) await leave(tx, rig.ctx, caller, { back_within_seconds: 100 })
    return ok(await channelState(tx, rig.ctx, caller))
  })
  look(scene, told, told.ok && typeof told.value !== 'string' ? told.value.scripts : [])
})

const submits = step('submit', fc.constantFrom('dev', 'prod', 'vault'), async (scene, kind) => {
  const id = await scene.rig.submit({ dev, prod, vault }[kind]!)
  scene.all.push(id)
  if (kind !== 'dev') scene.others.push(id)
})

/** The other runners say what they hold, confirm what they are asked for, and take what there is. */
async function workOn({ rig, honest }: Scene): Promise<void> {
  for (const runner of honest) {
    const { confirm = [], gone } = await rig.heartbeat(runner, [...runner.holds.keys()])
    for (const id of confirm) await rig.confirm(runner, runner.holds.get(id)!)
    for (const id of gone) runner.holds.delete(id)
    for (const lease of await rig.reserve(runner, 100))
      if ((await rig.confirm(runner, lease)).ok) runner.holds.set(lease.execution_id, lease)
  }
}
const works = step('others work', fc.constant(null), workOn)

const passes = step('time passes', fc.constantFrom(5, 31), async (scene, seconds) => {
  await workOn(scene)
  await scene.rig.wait(seconds)
  await workOn(scene)
})

const restores = step('a backup of before is restored', anything, async ({ rig, honest }, which) => {
  const id = pick(
    honest.flatMap(({ holds }) => [...holds.keys()]),
    which,
  )
  const row = id === undefined ? undefined : await rig.execution(id)
  if (row?.state === 'running')
    await rig.write(async tx =>
      tx.putExecution({
        ...(await tx.execution(row.id))!,
        ...nobody,
        state: 'queued',
        deadline: null,
        started_at: null,
      }),
    )
})

const anyStep = fc.oneof(
  { arbitrary: registers, weight: 4 },
  { arbitrary: fc.oneof(beats, reserves, confirms), weight: 9 },
  { arbitrary: fc.oneof(grabs, ends, listens), weight: 4 },
  { arbitrary: submits, weight: 4 },
  { arbitrary: fc.oneof(works, passes, restores), weight: 4 },
)

async function honestRunner(
  rig: ServerRig,
  name: string,
  group: string,
  capabilities: string[],
): Promise<Honest> {
  const said = { runner_group: group, capabilities, taints: [], metadata: { role: 'db' } }
  const row = { name, said, public_key: otherKey.publicKey, set: { capacity: 1000 } }
  return { ...(await rig.addRunner({ ...row, features: ['confirm'] })), holds: new Map() }
}

onEachStore(
  t,
  'a hostile runner of dev sees no job and no secret of prod, whatever it calls',
  async (t, rig) => {
    const honest = [
      await honestRunner(rig, 'db1', 'prod', ['secrets', 'remote-script']),
      await honestRunner(rig, 'vault1', 'dev', ['secrets']),
    ]
    const by = await tokenFor(rig, scope)
    let number = 0
    let given = 0
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 10, maxLength: 60 }), async steps => {
        for (const runner of honest) runner.holds.clear()
        const scene: Scene = {
          rig,
          number: ++number,
          by,
          honest,
          others: [],
          all: [],
          sessions: [],
          leases: [],
        }
        // It is what it may be at first.
        const features = number % 2 === 0 ? [] : ['confirm']
        const said = { name: `dev-${number}`, runner_group: 'dev', capabilities: ['container'], features }
        const first = await registered(rig, registration({ uuid: ownIds(number)[0]!, ...said }), by)
        scene.sessions.push(first)
        assert.ok((await call(rig, first)).ok)
        for (const one of steps) {
          await one.take(scene)
          await lookAtStore(scene)
        }
        given += scene.leases.length
        // Executions that the hostile runner has listed or reserved come back to runners that may have them.
        for (let round = 0; round < 3; round++) {
          await workOn(scene)
          await rig.wait(31)
        }
        await workOn(scene)
        for (const runner of honest)
          for (const lease of runner.holds.values()) assert.ok((await rig.result(runner, lease)).ok)
        for (const id of scene.others) assert.equal((await rig.execution(id)).state, 'succeeded')
        for (const id of ownIds(number)) await rig.write(tx => deleteRunner(tx, rig.ctx, id))
      }),
      { numRuns: Math.max(20, runs(30)) },
    )
    t.ok(given > 0, 'it is given jobs of its own group')
  },
)
