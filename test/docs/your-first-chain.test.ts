import t from 'tap'
import { follow, RigShell } from '../support/page-shell.ts'
import { rigTest } from '../support/rig.ts'

rigTest(t, 'who follows the tutorial sees what it shows', {}, async (t, rig) => {
  const shell = new RigShell(rig)
  const count = await follow(t, 'docs/tutorials/your-first-chain.md', shell)
  t.ok(count > 10, 'the blocks are found')
  await shell.close()
})
