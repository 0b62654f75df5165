import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { said } from '../support/operator.ts'
import { rigTest } from '../support/rig.ts'

rigTest(t, 'no proxy gets the token of this host, wherever its server listens', {}, async (t, rig) => {
  mkdirSync(rig.path('state', 'server'), { recursive: true })
  writeFileSync(rig.path('state', 'server', 'admin.token'), 'rnr_admin_hush\n')
  const heard = { server: 0, proxy: 0 }
  const open = async (name: keyof typeof heard) => {
    const server = createServer((_, response) => {
      heard[name]++
      response.setHeader('content-type', 'application/json').end('[]')
    })
    // An address of this machine that no rule for loopback addresses knows.
    await once(server.listen(0, '::ffff:127.0.0.1'), 'listening')
    return { server, port: (server.address() as AddressInfo).port }
  }
  const own = await open('server')
  const proxy = await open('proxy')
  try {
    rig.configure({}, `[server]\nlisten = [::ffff:127.0.0.1]:${own.port}\n`)
    const at = `http://127.0.0.1:${proxy.port}`
    t.match(await said(rig.start(['busy'], { env: { HTTP_PROXY: at, http_proxy: at } })), { status: 0 })
    t.same(heard, { server: 1, proxy: 0 })
    t.match(await said(rig.start(['busy', '--proxy', at])), { status: 64, err: /leave --proxy out/ })
    t.same(heard, { server: 1, proxy: 0 })
    const token = ['--token-file', rig.path('state', 'server', 'admin.token')]
    t.match(await said(rig.start(['busy', '--proxy', at, ...token])), { status: 0 }, 'a token that is named')
    t.same(heard, { server: 1, proxy: 1 })
  } finally {
    own.server.close()
    proxy.server.close()
  }
})
