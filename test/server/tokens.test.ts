import { createHash } from 'node:crypto'
import t from 'tap'
import { createToken, firstTokens, listTokens, revokeToken } from '../../src/server/tokens.ts'
import { connected } from '../support/runners.ts'
import { onEachStore } from '../support/server-room.ts'

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')

onEachStore(
  t,
  'a token is made, found by its hash, listed without its text, and revoked',
  async (t, room) => {
    const made = await room.write(tx =>
      createToken(tx, room.ctx, { kind: 'viewer', name: 'n', expires_in_seconds: 1.5 }),
    )
    if (!made.ok) throw new Error(made.failure.reason)
    const { token, ...shown } = made.value
    t.match(token, /^rnr_viewer_[A-Za-z0-9_-]{43}$/)
    t.match(shown, { kind: 'viewer', name: 'n', last_used_at: null, runner_id: null })
    t.equal(shown.expires_at, new Date(room.now() + 1500).toISOString())
    t.match(await room.read(tx => tx.tokenByHash(hashOf(token))), { id: shown.id })
    const list = await room.read(tx => listTokens(tx, { limit: 10 }))
    t.same(list, { items: [shown], next: null })
    const heard = new Promise(resolve => room.store.subscribe(resolve))
    t.match(await room.write(tx => revokeToken(tx, room.ctx, shown.id)), { ok: true })
    t.same(await heard, { about: 'tokens' })
    t.match(await room.write(tx => revokeToken(tx, room.ctx, shown.id)), { failure: { reason: 'not-found' } })
    t.equal(await room.read(tx => tx.tokenByHash(hashOf(token))), undefined)
  },
)

onEachStore(t, "runners' own tokens are not listed", async (t, room) => {
  await connected(room)
  t.same(await room.read(tx => listTokens(tx, { limit: 10 })), { items: [], next: null })
})

onEachStore(
  t,
  'the first start makes two tokens, a later one an admin token only where none is valid',
  async (t, room) => {
    const start = () => room.write(tx => firstTokens(tx, room.ctx))
    const first = await start()
    t.match(first, { admin: /^rnr_admin_/, registration: /^rnr_registration_/ })
    t.same(await start(), {})
    const revoke = async (text: string) => {
      const row = await room.read(tx => tx.tokenByHash(hashOf(text)))
      await room.write(tx => revokeToken(tx, room.ctx, row!.id))
    }
    await revoke(first.registration!)
    t.same(await start(), {})
    await room.write(tx => createToken(tx, room.ctx, { kind: 'admin', name: 'short', expires_in_seconds: 1 }))
    await revoke(first.admin!)
    t.same(await start(), {})
    room.pass(1000)
    const later = await start()
    t.same(Object.keys(later), ['admin'])
    t.same(await start(), {})
  },
)
