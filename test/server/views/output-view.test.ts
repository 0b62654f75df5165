import t from 'tap'
import { uuid } from '../../support/runners.ts'
import { change, sent, view } from '../../support/sent.ts'
import { onEachStore } from '../../support/server-rig.ts'

onEachStore(t, 'passwords among the output properties are not shown, at any depth', async (t, rig) => {
  const properties = [
    { name: 'token', category: 'output' as const, password: true },
    { name: 'server', category: 'output' as const, kind: 'CI' },
    { name: 'url', category: 'output' as const },
  ]
  const id = await sent(rig, { input: { task: { type: 'a.T', properties } } })
  const result = { lease_id: uuid(7), outcome: 'succeeded', exit_code: 0, output_sha256: null } as const
  await change(rig, id, { state: 'succeeded', finished_at: rig.now(), result })
  const leave = (output: string) => rig.write(async tx => tx.putOutput(id, rig.ctx.keys.sealAtRest(output)))
  const server = {
    type: 'a.S',
    properties: [
      { name: 'p', password: true, value: 'top' },
      { name: 'h', value: 'host' },
    ],
  }
  await leave(JSON.stringify({ exitCode: 0, outputProperties: { token: 'top', server, url: 'u' } }))
  const seen = await view(rig, id)
  t.notMatch(JSON.stringify(seen), 'top')
  t.match(seen.output_properties, {
    token: '********',
    server: { properties: [{ value: '********' }, { value: 'host' }] },
    url: 'u',
  })
  for (const odd of ['', 'no JSON', 'null', '[]', '{"outputProperties": 1}']) {
    await leave(odd)
    t.equal((await view(rig, id)).output_properties, null)
  }
})
