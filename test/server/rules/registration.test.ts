import fc from 'fast-check'
import t from 'tap'
import type { Registration } from '../../../src/protocol/messages/registration.ts'
import { patchRunner } from '../../../src/server/operator-side/patch-runner.ts'
import { matches } from '../../../src/server/rules/registration.ts'
import { register } from '../../../src/server/runner-side/register.ts'
import { call, connected, ofItself, registered, registration, tokenFor, uuid } from '../../support/runners.ts'
import { onEachStore } from '../../support/server-rig.ts'

const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '('), maxLength: 8 })

t.test('a pattern matches what its regular expression matches', async t => {
  const quoted = (pattern: string) =>
    new RegExp(`^${pattern.replaceAll(/[^ab*]/g, '\\$&').replaceAll('*', '.*')}$`)
  const asQuoted = (pattern: string, name: string) => matches(pattern, name) === quoted(pattern).test(name)
  const always = (parts: string[]) => matches(parts.join('*'), parts.join('x'))
  fc.assert(fc.property(text, text, asQuoted), { numRuns: 2000 })
  fc.assert(fc.property(fc.array(text), always), { numRuns: 200 })
  t.pass()
})

t.test('a pattern of many parts takes no long time', async t => {
  t.notOk(matches(`${'*a'.repeat(127)}*b`, 'a'.repeat(256)))
})

/** Facts that differ from those of the first registration, which has fixed them. */
const changes = {
  name: 'two',
  runner_group: 'prod',
  capabilities: ['secrets'],
  metadata: { rack: '7' },
}
const fixed = { name: 'one', said: { runner_group: 'default', capabilities: ['remote', 'remote-script'] } }

onEachStore(
  t,
  'with its own token a runner stays what its registration token made it, and is told what was refused',
  async (t, rig) => {
    const first = await connected(rig)
    const more = { version: '2', host: { os: 'Debian' }, taints: ['t'] }
    const second = await registered(rig, registration({ ...changes, ...more }), ofItself(first))
    t.same(second.refused, ['name', 'runner_group', 'capabilities', 'metadata'])
    await call(rig, second)
    const row = () => rig.read(tx => tx.runner(uuid(1)))
    t.match(await row(), { ...fixed, version: '2', host: { os: 'Debian' } })
    t.same((await row())!.said, { ...fixed.said, taints: ['t'], metadata: {} })

    const same = await registered(
      rig,
      registration({ capabilities: ['remote-script', 'remote'] }),
      ofItself(second),
    )
    t.notOk('refused' in same, 'nothing is refused that says the same')
    const third = await registered(rig, registration(changes))
    t.notOk('refused' in third)
    const before = await registered(rig, registration(), ofItself(third))
    t.same(before.refused, second.refused, 'one that has not called yet has fixed it too')
    await call(rig, before)
    t.match(await row(), { name: 'two', said: { runner_group: 'prod', metadata: { rack: '7' } } })
  },
)

onEachStore(t, 'what an operator has set in place of a fixed field may be said too', async (t, rig) => {
  const first = await connected(rig)
  const set = { runner_group: 'prod', capabilities: ['secrets'] }
  await rig.write(tx => patchRunner(tx, rig.ctx, uuid(1), set))
  t.notOk('refused' in (await registered(rig, registration(set), ofItself(first))))
  t.match(await rig.read(tx => tx.runner(uuid(1))), fixed)
})

onEachStore(
  t,
  'the scope of a registration token holds for each field, and the refusal names it and what is allowed',
  async (t, rig) => {
    const scope = {
      runner_groups: ['dev', 'test'],
      capabilities: ['remote'],
      names: 'dev-*',
      metadata_keys: ['rack'],
    }
    const by = await tokenFor(rig, scope)
    const within = { name: 'dev-1', runner_group: 'dev', capabilities: ['remote'], metadata: { rack: '7' } }
    const attempt = (more: Partial<Registration>) =>
      rig.write(tx => register(tx, rig.ctx, registration({ ...within, ...more }), by))
    const refusals: [Partial<Registration>, RegExp][] = [
      [{ name: 'prod-1' }, /name is prod-1, and it allows dev-\*/],
      [{ runner_group: 'prod' }, /runner_group is prod, and it allows dev, test/],
      [{ capabilities: ['remote', 'a', 'b'] }, /capabilities has a, b, and it allows remote/],
      [{ metadata: { rack: '7', role: 'db' } }, /metadata has role, and it allows rack/],
      [{ name: 'db1', runner_group: 'prod' }, /runner_group is prod.*; name is db1/],
    ]
    for (const [more, detail] of refusals)
      t.match(await attempt(more), { failure: { reason: 'out-of-scope', detail } })
    t.equal(await rig.read(tx => tx.runner(uuid(1))), undefined)
    t.match(await attempt({}), { ok: true })
    t.match(await attempt({ capabilities: [], metadata: {} }), { ok: true })
    const none = await tokenFor(rig, { capabilities: [] })
    const answer = await rig.write(tx => register(tx, rig.ctx, registration(within), none))
    t.match(answer, { failure: { detail: /capabilities has remote, and it allows none/ } })
  },
)
