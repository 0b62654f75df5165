import { join } from 'node:path'
import t from 'tap'
import { openStore } from '../../../src/store/open.ts'
import { crashes, crashTest } from '../../store/crash.ts'
import { postgresNeeds } from '../../support/postgres.ts'
import { testWith } from '../../support/require.ts'
import { isFull } from '../../support/tier.ts'
import { newDatabase } from '../../support/tier-databases.ts'

t.setTimeout(crashes * 20_000)
const title = 'whatever was acknowledged is there after a SIGKILL, and nothing by halves'

t.test(`SQLite: ${title}`, async t => {
  const dir = t.testdir({})
  await crashTest(t, subject(`sqlite:${join(dir, 'server.db')}`, dir))
})

if (isFull)
  testWith(t, `PostgreSQL: ${title}`, postgresNeeds, async t => {
    await crashTest(t, subject(await newDatabase(t), t.testdir({})))
  })

function subject(database: string, dir: string) {
  const keyFile = join(dir, 'server.key')
  const open = async () => {
    const opened = await openStore({ database, keyFile })
    if (!opened.ok) throw new Error(opened.failure.detail)
    return opened.value.store
  }
  return { database, keyFile, open }
}
