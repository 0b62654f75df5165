import t from 'tap'
import { BrowserSessions, hashOf } from '../../../src/server/browser/sessions.ts'
import { revokeToken } from '../../../src/server/operator-side/revoke-token.ts'
import {
  createBrowserCode,
  openBrowserSession,
  useBrowserCode,
} from '../../../src/server/state/browser-sessions.ts'
import { newToken } from '../../../src/server/state/new-token.ts'
import type { BrowserUser } from '../../../src/store/browser-rows.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const hour = 3600
const day = 24 * hour

const token = (rig: ServerRig) =>
  rig.write(async tx => newToken(tx, rig.ctx, { kind: 'viewer', name: 'eyes', namespaces: ['*'] }).row)

const user: BrowserUser = {
  id: '00000000-0000-8000-8000-000000000001',
  subject: 's',
  name: 'ada',
  role: 'operator',
  namespaces: ['default'],
}

/** Opens a session whose secret is `text`. */
async function open(rig: ServerRig, text: string, of: Parameters<typeof openBrowserSession>[2]) {
  const hashes = { hash: hashOf(text), key_hash: hashOf('key'), secure: false }
  return rig.write(tx => openBrowserSession(tx, rig.ctx, of, hashes))
}

const sessionsOf = (rig: ServerRig) =>
  new BrowserSessions(rig.store, { page: true, publicUrl: undefined }, false)

/** Both clocks move on, and the server looks at them. */
async function pass(rig: ServerRig, seconds: number): Promise<void> {
  rig.pass(seconds)
  await rig.sweeper.sweep()
}

onEachStore(t, 'a session ends when it is not used, and at its limit', async (t, rig) => {
  await rig.sweeper.sweep()
  const sessions = sessionsOf(rig)
  const { id } = await open(rig, 'a', { token: await token(rig) })
  await open(rig, 'b', { token: await token(rig) })
  const found = (text: string, from = sessions) => from.find(hashOf(text)).then(one => one !== undefined)
  t.ok(await found('a'))
  await pass(rig, 7 * hour)
  sessions.use([id])
  await pass(rig, 2 * hour)
  t.same([await found('a'), await found('b')], [true, false], 'a call keeps it')
  await sessions.writeLastUse()
  t.ok(await found('a', sessionsOf(rig)), 'its last use is written down')
  t.same(await rig.read(tx => sessions.validOf(tx, [id, user.id])), [id])
  for (let hours = 9; hours < 30 * 24; hours += 7) {
    sessions.use([id])
    await pass(rig, 7 * hour)
  }
  sessions.use([id])
  t.notOk(await found('a'), 'for 30 days at most')

  const person = await open(rig, 'c', { user, id_token: null })
  t.match(await sessions.find(hashOf('c')), {
    token: { id: user.id, kind: 'operator', name: 'ada', namespaces: ['default'] },
  })
  for (let hours = 0; hours < 24; hours += 6) {
    sessions.use([person.id])
    t.ok(await found('c'))
    await pass(rig, 6 * hour)
  }
  t.notOk(await found('c'), 'a person without a token for a day')
  sessions.close()
})

onEachStore(
  t,
  'a clock that is put forward ends no session, and one that is put back revives none',
  async (t, rig) => {
    await rig.sweeper.sweep()
    const sessions = sessionsOf(rig)
    await open(rig, 'a', { token: await token(rig) })
    rig.clock.wall += 400 * day * 1000
    await rig.sweeper.sweep()
    t.ok(await sessions.find(hashOf('a')))
    await pass(rig, 9 * hour)
    t.notOk(await sessions.find(hashOf('a')))
    rig.clock.wall -= 500 * day * 1000
    await rig.sweeper.sweep()
    t.notOk(await sessions.find(hashOf('a')))
    sessions.close()
  },
)

onEachStore(t, 'what is over is removed, and of one token only so much is kept', async (t, rig) => {
  await rig.sweeper.sweep()
  const [one, other] = [await token(rig), await token(rig)]
  const first = await open(rig, 'first', { token: one })
  rig.pass(1)
  const others = await open(rig, 'others', { token: other })
  for (let number = 0; number < 500; number++) await open(rig, `more ${number}`, { token: one })
  t.equal(await rig.read(tx => tx.browserSessionByHash(hashOf('first'))), undefined, first.id)
  t.ok(await rig.read(tx => tx.browserSessionByHash(hashOf('more 499'))))
  t.ok(await rig.read(tx => tx.browserSessionByHash(hashOf('others'))))
  await rig.write(tx => tx.removeBrowsers(tx.watched + 1000))
  t.ok(await rig.read(tx => tx.browserSessionByHash(hashOf('others'))))
  await rig.write(tx => tx.removeBrowsers(tx.watched + 9 * hour * 1000))
  t.equal(await rig.read(tx => tx.browserSessionByHash(hashOf('others'))), undefined, others.id)
})

onEachStore(t, 'a code is good for ten minutes, once, and while its token is', async (t, rig) => {
  await rig.sweeper.sweep()
  const row = await token(rig)
  const make = (text: string) => rig.write(tx => createBrowserCode(tx, rig.ctx, row, hashOf(text)))
  const use = (text: string) =>
    rig.write(async tx => (await useBrowserCode(tx, rig.store.watch, hashOf(text)))?.id)
  t.same(await make('a'), { expires_at: new Date(rig.now() + 600_000).toISOString() })
  t.equal(await use('b'), undefined)
  t.equal(await use('a'), row.id)
  t.equal(await use('a'), undefined)
  await make('late')
  await pass(rig, 601)
  t.equal(await use('late'), undefined)
  await make('revoked')
  await rig.write(tx => revokeToken(tx, row.id))
  t.equal(await use('revoked'), undefined)
})
