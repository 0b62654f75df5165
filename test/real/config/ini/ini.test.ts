import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { parseIni } from '../../../../src/config/ini/ini.ts'
import { mergeFiles } from '../../../../src/config/sources.ts'
import { iniBytes } from '../../../support/ini-files.ts'
import { Oracle, python, type Values } from '../../../support/oracle.ts'
import { testWith } from '../../../support/require.ts'

const parse = (text: string | Uint8Array) => parseIni(Buffer.from(text), 'runner.cfg')

function valuesOf(files: Uint8Array[]): Values {
  const merged = mergeFiles(files.map(parse))
  return merged
    .sections()
    .map(name => [name, Array.from(merged.section(name)!, ([key, { value }]) => [key, value])])
}

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
