import { createServer } from 'node:net'
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import { rigTest } from '../../support/rig.ts'
import { serve, waiting } from '../../support/starting-server.ts'

t.setTimeout(360_000)

/** A host that takes connections and says nothing. */
async function silentHost() {
  const sockets = new Set<{ destroy(): void }>()
  const called = Promise.withResolvers<void>()
  const server = createServer(socket => {
    sockets.add(socket.on('error', () => {}))
    called.resolve()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    called: called.promise,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

for (const [title, where] of [
  ['refuses', '127.0.0.1:1'],
  ['has a name that nobody knows', 'nowhere.invalid'],
] as const)
  rigTest(t, `a database that ${title} is waited for, and every call says so`, {}, async (t, rig) => {
    rig.file('systemd-notify', '#!/bin/sh\necho "$*" >> "$DIR/told"\n', 0o755)
    const env = { PATH: `${rig.dir}:${process.env.PATH}`, NOTIFY_SOCKET: 'none' }
    const run = serve(rig, `postgres://nobody:hush-hush@${where}/x`, { env })
    const url = await waiting(run)
    const health = await fetch(`${url}/health`)
    t.equal(health.status, 503)
    t.match(await health.json(), { status: 'failing', store: 'failing' })
    const call = await fetch(`${url}/v1/jobs`, { headers: { authorization: 'Bearer x' } })
    t.equal(call.status, 503)
    t.match(Number(call.headers.get('retry-after')), 2)
    t.match(await call.json(), { type: 'urn:runner:problem:unavailable', status: 503 })
    while (!rig.lines('told').some(line => line.includes('waits for its database')))
      await systemClock.sleep(0.02)
    run.child.kill('SIGTERM')
    t.equal(await run.ended, 0)
    t.notMatch(rig.lines('told').join('\n'), 'READY=1')
    t.match(rig.lines('told').join('\n'), 'EXTEND_TIMEOUT_USEC=')
    t.notMatch(run.text, /hush-hush| {4}at /)
    t.equal(run.text.split('\n').length, 2, 'one line says so, however often it tries')
  })

rigTest(t, 'a database that says nothing holds up neither /health nor the end', {}, async (t, rig) => {
  await using host = await silentHost()
  const run = serve(rig, `postgres://nobody@127.0.0.1:${host.port}/x`)
  await host.called
  run.child.kill('SIGTERM')
  t.equal(await run.ended, 0)
})
