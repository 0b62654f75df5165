import t from 'tap'
import { program, root } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'

const setpriv = program('setpriv')
rigTest(
  t,
  'a task that has become another user can write to /dev/stderr by name as well',
  {
    tasks: {
      a: 'exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -c "id -u; echo x > /dev/stderr"',
    },
    needs: [root, setpriv],
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.equal(run.taskOutput(), '65534\nx\n')
  },
)
