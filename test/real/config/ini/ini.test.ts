import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { iniBytes, valuesOf } from '../../../support/ini-files.ts'
import { Oracle, python } from '../../../support/oracle.ts'
import { testWith } from '../../../support/require.ts'

for (const odd of [false, true]) {
  const kind = odd ? 'with odd characters' : 'as people write them'
  testWith(t, `files ${kind} mean what they mean to Python, in the same order`, [python], async t => {
    await using oracle = new Oracle()
    const files = fc.array(iniBytes({ odd }), { minLength: 1, maxLength: 3 })
    const property = fc.asyncProperty(files, async files => {
      assert.deepEqual(valuesOf(files), await oracle.ask(files))
    })
    await fc.assert(property, { numRuns: 1000 })
    t.pass()
  })
}
