import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { machineId } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'

rigTest(
  t,
  'once-per-instance holds for the instance that is on record',
  { tasks: { a: 'true' }, config: '[a]\nrun = once-per-instance', needs: [machineId] },
  async (t, rig) => {
    t.equal((await rig.finish()).status, 0)
    const [skipped] = (await rig.finish()).all('task:skipped')
    t.match(skipped, { task: 'a', message: /^it succeeded on this instance, in run 1, / })
    const file = rig.path('state/done', readdirSync(rig.path('state/done'))[0]!)
    const record = JSON.parse(readFileSync(file, 'utf8'))
    writeFileSync(file, JSON.stringify({ ...record, instance: 'machine-id of another machine' }))
    t.same((await rig.finish()).tries, ['a'])
  },
)
