import t from 'tap'
import { engineNeeds } from '../../support/engine.ts'
import { postgresNeeds } from '../../support/postgres.ts'
import { testWith } from '../../support/require.ts'
import { begun, endlessly, project, remains, support } from '../../support/test-project.ts'

t.setTimeout(360_000)

const endless = `import { writeFileSync } from 'node:fs'
import t from 'tap'
import { Engine } from ${support('engine.ts')}
import { PostgresServer } from ${support('postgres.ts')}

t.test('never ends', async () => {
  await PostgresServer.start()
  await Engine.start()
${endlessly}})
`

testWith(
  t,
  'no engine and no PostgreSQL outlives a test that is killed',
  [...engineNeeds, ...postgresNeeds],
  async t => {
    const { directory, run } = project(t, { 'endless.test.ts': endless })
    const test = await begun(directory)
    process.kill(test.pid, 'SIGKILL')
    t.equal(await run.ended, 1)
    t.same(await remains(directory, test), [])
  },
)
