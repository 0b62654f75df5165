import t from 'tap'
import { createToken } from '../../../src/server/operator-side/create-token.ts'
import { revokeToken } from '../../../src/server/operator-side/revoke-token.ts'
import { firstTokens } from '../../../src/server/upkeep/first-tokens.ts'
import { sha256 } from '../../support/messages.ts'
import { onEachStore } from '../../support/server-rig.ts'

onEachStore(
  t,
  'the first start makes two tokens, a later one an admin token only where none is valid and none has its file',
  async (t, rig) => {
    const start = (hasFile = false) => rig.write(tx => firstTokens(tx, rig.ctx, hasFile))
    const first = await start()
    t.match(first, { admin: /^rnr_admin_/, registration: /^rnr_registration_/ })
    t.same(await start(), {})
    const revoke = async (text: string) => {
      const row = await rig.read(tx => tx.tokenByHash(sha256(text)))
      await rig.write(tx => revokeToken(tx, row!.id))
    }
    await revoke(first.registration!)
    t.same(await start(), {})
    await rig.write(tx => createToken(tx, rig.ctx, { kind: 'admin', name: 'short', expires_in_seconds: 1 }))
    await revoke(first.admin!)
    t.same(await start(), {})
    rig.pass(1)
    t.same(await start(true), { locked: true })
    const later = await start()
    t.same(Object.keys(later), ['admin'])
    t.same(await start(), {})
  },
)
