import { chmodSync, rmSync } from 'node:fs'
import t from 'tap'
import { root } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'

rigTest(
  t,
  'a user without a home can run a chain whose state directory is named, and one whose is not',
  { needs: [root], tasks: { a: 'exit 0' }, runner: { state_dir: '/nonexistent/state' } },
  async (t, rig) => {
    const nobody = [
      'setpriv',
      '--reuid',
      '12345',
      '--regid',
      '12345',
      '--clear-groups',
      'env',
      '-u',
      'HOME',
      '-u',
      'XDG_STATE_HOME',
    ]
    rig.configure({ state_dir: '/nonexistent/state' })
    chmodSync(rig.path('tmp'), 0o777)
    const run = rig.start(['run', '--json'], { before: nobody })
    t.equal(await run.ended, 0)
    const { message } = run.all('notice')[0]!
    t.match(message, 'cannot be used')
    rmSync(message.match(/records go to (.*?);/)![1]!, { recursive: true })
  },
)
