import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { problemType } from '../../../src/protocol/problem.ts'
import { command } from '../../support/command.ts'
import { program } from '../../support/require.ts'
import { serverTest } from '../../support/server.ts'
import { everyStore } from '../../support/stores.ts'

const curl = program('curl')
const stores = everyStore.map(store => ({ ...store, needs: [...store.needs, curl] }))

serverTest(t, 'definitions are backed up and restored by curl', { stores }, async (t, server) => {
  const ask = (path: string, ...args: string[]) =>
    command(curl.path, [
      '-sS',
      '-H',
      `Authorization: Bearer ${server.token('admin')}`,
      ...args,
      `${server.url}${path}`,
    ])
  const put = (name: string, body: object) => server.call('PUT', `/v1/jobs/${name}`, { body })
  t.equal((await put('a', { image: 'i', secret_env: { P: 'hush-hush' } })).status, 201)
  t.equal((await put('b', { image: 'j' })).status, 201)
  const file = server.rig.path('backup.json')
  writeFileSync(file, await ask('/v1/jobs'))
  const backup = readFileSync(file, 'utf8')
  t.match(backup, /"secret_env":\{"P":"sealed:v1:/)
  t.notMatch(backup, 'hush-hush')

  await put('a', { image: 'changed' })
  await server.call('DELETE', '/v1/jobs/b')
  t.same(JSON.parse(await ask('/v1/restore', '--form', `file=@${file}`)), { restored: 2 })
  const named = (text: string) =>
    JSON.parse(text).map(({ name, image }: Record<string, string>) => [name, image])
  t.same(named(await ask('/v1/jobs')), [
    ['a', 'i'],
    ['b', 'j'],
  ])
  t.match(await ask('/v1/jobs?pretty'), /^\[\n {2}\{\n {4}"name": "a"/)
  const json = ['-H', 'content-type: application/json', '--data-binary', `@${file}`]
  t.same(JSON.parse(await ask('/v1/restore', ...json)), { restored: 2 }, 'as a body, too')
  t.equal(await ask('/v1/busy?pretty'), '[]')

  const before = named(await ask('/v1/jobs'))
  const wrong = [...JSON.parse(backup), { name: 'c', image: 'k', colour: 'red' }]
  writeFileSync(file, JSON.stringify(wrong))
  const invalid = JSON.parse(await ask('/v1/restore', '--form', `file=@${file}`))
  t.match(invalid, { type: problemType('backup-invalid'), status: 422, detail: /entry 2 \(c\).*colour/ })
  writeFileSync(
    file,
    backup.replace(/sealed:v1:[^"]*/, `sealed:v1:${'A'.repeat(80)}`).replace('"i"', '"changed"'),
  )
  const foreign = JSON.parse(await ask('/v1/restore', '--form', `file=@${file}`))
  t.match(foreign, { status: 422, detail: /entry 0 \(a\)/ })
  t.match(JSON.parse(await ask('/v1/restore', '--form', 'other=1')), { status: 400, detail: /file/ })
  writeFileSync(file, 'no json')
  t.match(JSON.parse(await ask('/v1/restore', '--form', `file=@${file}`)), { status: 400 })
  t.same(named(await ask('/v1/jobs')), before, 'nothing has changed')
})
