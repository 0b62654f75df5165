import t from 'tap'
import { createToken } from '../../../src/server/operator-side/create-token.ts'
import { listTokens } from '../../../src/server/operator-side/list-tokens.ts'
import { revokeToken } from '../../../src/server/operator-side/revoke-token.ts'
import { sha256 } from '../../support/messages.ts'
import { onEachStore } from '../../support/server-rig.ts'

onEachStore(t, 'a token is made, found by its hash, listed without its text, and revoked', async (t, rig) => {
  const made = await rig.write(tx =>
    createToken(tx, rig.ctx, { kind: 'viewer', name: 'n', expires_in_seconds: 1.5 }),
  )
  if (!made.ok) throw new Error(made.failure.reason)
  const { token, ...shown } = made.value
  t.match(token, /^rnr_viewer_[A-Za-z0-9_-]{43}$/)
  t.match(shown, { kind: 'viewer', name: 'n', last_used_at: null, runner_id: null })
  t.equal(shown.expires_at, new Date(rig.now() + 1500).toISOString())
  t.match(await rig.read(tx => tx.tokenByHash(sha256(token))), { id: shown.id })
  const list = await rig.read(tx => listTokens(tx, { limit: 10 }))
  t.same(list, { items: [shown], next: null })
  const heard = new Promise(resolve => rig.store.subscribe(resolve))
  t.match(await rig.write(tx => revokeToken(tx, shown.id)), { ok: true })
  t.same(await heard, { about: 'tokens' })
  t.match(await rig.write(tx => revokeToken(tx, shown.id)), { failure: { reason: 'not-found' } })
  t.equal(await rig.read(tx => tx.tokenByHash(sha256(token))), undefined)
})
