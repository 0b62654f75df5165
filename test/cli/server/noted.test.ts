import { readdirSync, renameSync } from 'node:fs'
import { userInfo } from 'node:os'
import t from 'tap'
import type { AuditEntry } from '../../../src/protocol/messages/audit.ts'
import { serverTest } from '../../support/server.ts'

t.setTimeout(900_000)

serverTest(
  t,
  'what is done with the whole store on its host is in the audit log, and the chain holds',
  {},
  async (t, server) => {
    const { rig } = server
    const run = async (...args: string[]) => {
      const done = rig.start(['server', ...args])
      return { status: await done.ended, text: done.text }
    }
    t.match(await run('backup', 'copy'), { status: 0 })
    t.match(await run('backup', 'nowhere/copy'), { status: 69 })
    t.match(await run('rekey'), { status: 69, text: /another server has/ }, 'what is refused leaves no entry')
    t.equal(await server.stop(), 0)
    t.match(await run('rekey'), { status: 0 })
    await server.restart()
    const user = `${userInfo().username} (uid ${process.getuid!()})`
    const entries = async () => {
      const { items } = (await server.call('GET', '/v1/audit')).json as { items: AuditEntry[] }
      const own = items.filter(({ call }) => call.startsWith('server-'))
      return own.map(({ call, token_name, object }) => [call, token_name, object])
    }
    const made = [
      ['server-rekey', user, null],
      ['server-backup', user, rig.path('copy')],
    ]
    t.same(await entries(), made)
    const whole = async () => {
      const token = rig.path('state', 'server', 'admin.token')
      const verify = rig.start(['audit', 'verify', '--server', server.url, '--token-file', token])
      t.equal(await verify.ended, 0, verify.text)
    }
    await whole()
    await server.stop()
    renameSync(rig.path('state', 'server'), rig.path('away'))
    t.match(await run('restore', 'copy'), { status: 0 })
    await server.restart()
    t.same(
      await entries(),
      [['server-restore', user, rig.path('copy')]],
      'the backup is from before its own entry',
    )
    await whole()
    t.same(readdirSync(rig.path('state', 'server', 'host-notes')), [])
  },
)
