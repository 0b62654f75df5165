import { readdirSync, renameSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { rigTest } from '../support/rig.ts'
import { serverTest, TestServer } from '../support/server.ts'

serverTest(
  t,
  'a whole server can be copied while it runs, and made anew from that',
  {},
  async (t, server) => {
    const { rig } = server
    const runner = await server.runner()
    const submitted = await server.submit({ command: ['true'], secret_env: { TOKEN: 'hush-hush' } })
    const reservation = await runner.begin()
    await runner.log(reservation, 0, 'some output\n')
    const told = await server.call('PUT', '/v1/jobs/one', {
      body: { image: 'img', secret_env: { A: 'hush' } },
    })
    t.equal(told.status, 201, told.text)
    const jobs = (await server.call('GET', '/v1/jobs')).json

    const backup = rig.start(['server', 'backup', 'copy'])
    t.equal(await backup.ended, 0, backup.text)
    t.equal(statSync(rig.path('copy')).mode & 0o777, 0o600)
    const early = rig.start(['server', 'restore', 'copy'])
    t.equal(await early.ended, 69)
    t.match(early.text, /there is a store in .* already: move it away first/)

    t.equal(await server.stop(), 0)
    renameSync(rig.path('state', 'server'), rig.path('away'))
    const restored = rig.start(['server', 'restore', 'copy'])
    t.equal(await restored.ended, 0, restored.text)
    await server.restart()
    const again = (await server.call('GET', '/v1/jobs')).json
    t.same(
      again.map(({ name }: { name: string }) => name),
      jobs.map(({ name }: { name: string }) => name),
    )
    // Sealed before, and opened by the key that was restored.
    const put = await server.call('PUT', '/v1/jobs/one', { body: jobs[0] })
    t.equal(put.status, 200, put.text)
    t.equal((await server.execution(submitted.id)).output, 'some output\n')
    t.equal((await runner.heartbeat({ executions: [submitted.id] })).status, 200, 'its runner goes on')
  },
)

rigTest(t, 'a hostile backup is refused in a sentence', {}, async (t, rig) => {
  rig.configure({}, '[server]\nlisten = 127.0.0.1:0\n')
  const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
  const backup = rig.start(['server', 'backup', 'copy'])
  t.equal(await backup.ended, 0, backup.text)
  t.equal(await server.stop(), 0)
  renameSync(rig.path('state', 'server'), rig.path('away'))
  const database = new DatabaseSync(rig.path('copy'))
  database.exec("UPDATE backup_files SET name = '../../' || name")
  database.close()
  const before = readdirSync(rig.dir, { recursive: true }).sort()
  const restore = rig.start(['server', 'restore', 'copy'])
  t.equal(await restore.ended, 69)
  t.match(restore.text, /^runner: copy has an entry "\.\.\/\.\.\/[a-z.]+", which no store has\n$/)
  t.same(readdirSync(rig.dir, { recursive: true }).sort(), before, 'nothing is written')
})
