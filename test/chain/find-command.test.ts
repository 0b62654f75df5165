import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findCommand } from '../../src/chain/find-command.ts'

t.test('a command is looked for on the PATH that it will have', async t => {
  const dir = t.testdir({ one: { sh: 'not executable' }, two: {} })
  symlinkSync('/bin/sh', join(dir, 'two', 'sh'))
  t.equal(findCommand('sh', `${dir}/one:${dir}/two`), join(dir, 'two', 'sh'))
  t.equal(findCommand('sh', `${dir}/one`), undefined)
  t.equal(findCommand(`${dir}/two/sh`, ''), `${dir}/two/sh`)
  t.equal(findCommand(`${dir}/one/sh`, undefined), undefined)
})
