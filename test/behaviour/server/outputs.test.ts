import t from 'tap'
import { seal } from '../../../src/protocol/seal.ts'
import { sha256 } from '../../support/messages.ts'
import { json, say } from '../../support/operator.ts'
import { serverTest } from '../../support/server.ts'

const input = {
  release: { automatedTaskAsUser: { username: 'me', password: 'run-as-me' } },
  task: {
    type: 'acme.Deploy',
    properties: [
      { name: 'password', category: 'input', password: true, value: 'correct horse' },
      { name: 'lines', category: 'input', password: true, value: 'a1\nb2\nc3' },
      { name: 'pin', category: 'FOLDER_CONFIG', password: true, value: 24_680 },
      { name: 'token', category: 'output', password: true },
      { name: 'none', category: 'output', password: true },
      { name: 'hinted', category: 'HINT', password: true },
      { name: 'url', category: 'output' },
    ],
  },
}
const base64 = Buffer.from('correct horse').toString('base64')
const secrets = [
  'correct horse',
  'correct%20horse',
  'run-as-me',
  'a1\\nb2',
  '24680',
  'made by it',
  base64.slice(0, 16),
]

serverTest(
  t,
  'what a runner that masks nothing says of a plugin is shown without secrets',
  {},
  async (t, server) => {
    const runner = await server.runner()
    await using _ = runner.alive()
    await server.submit({ input })
    const reservation = await runner.begin()
    // A secret of which the log has a logger's prefix in the middle.
    const log = 'LOG 1: ##[start: comment]fine\nLOG 2: a1\nLOG 3: b2\nLOG 4: c3##[end: comment]\n'
    await runner.log(reservation, 0, log)
    const output = {
      exitCode: 1,
      jobErrorMessage: 'no correct horse',
      outputProperties: {
        url: 'https://me:correct%20horse@host/run-as-me',
        'of correct horse': { deep: [[base64], 1_246_801, true, 7] },
        token: 'made by it',
        none: null,
        hinted: 'made by it',
        server: { id: 's', properties: [{ name: 'key', password: true, value: 'made by it' }] },
      },
      reportingRecords: [{ type: 'udm.BuildRecord', build: 'correct horse', duration: '5' }],
    }
    await runner.result(reservation, {
      outcome: 'failed',
      exit_code: 1,
      reason: 'plugin-failed',
      error_message: 'no correct horse',
      output: seal(JSON.stringify(output), runner.dataKey),
      log_length: Buffer.byteLength(log),
      log_sha256: sha256(log),
    })
    const id = reservation.execution_id
    const shown = await server.call('GET', `/v1/executions/${id}`)
    t.match(shown.json, {
      error_message: 'no *************',
      comments: ['fine\n********'],
      output_properties: {
        url: `https://me:${'*'.repeat(15)}@host/${'*'.repeat(9)}`,
        'of *************': { deep: [[/^\*+=*$/], '1*****1', true, 7] },
        token: '********',
        none: null,
        hinted: '********',
        server: { id: 's', properties: [{ name: 'key', password: true, value: '********' }] },
      },
      reporting_records: [{ type: 'udm.BuildRecord', build: '*'.repeat(13), duration: '5' }],
    })
    const table = await say(server, ['executions', id])
    t.match(table.out, /^reporting record +\{"type":"udm.BuildRecord","build":"\*{13}","duration":"5"\}$/m)
    t.same(await json(server, ['executions', id]), shown.json)
    const list = await server.call('GET', '/v1/executions')
    for (const text of [shown.text, table.out, list.text])
      t.same(
        secrets.filter(secret => text.includes(secret)),
        [],
      )
    t.notOk('reporting_records' in (await server.submit()), 'no records where none were given')
  },
)
