import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ifThere } from '../../src/system/if-there.ts'

t.test('a path with nothing at it is undefined, and other errors are thrown', async t => {
  const directory = t.testdir({ file: 'text' })
  t.equal(
    ifThere(() => readFileSync(join(directory, 'file'), 'utf8')),
    'text',
  )
  t.equal(
    ifThere(() => readFileSync(join(directory, 'other'), 'utf8')),
    undefined,
  )
  t.throws(() => ifThere(() => readdirSync(join(directory, 'file'))), { code: 'ENOTDIR' })
})
