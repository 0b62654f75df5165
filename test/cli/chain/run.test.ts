import { readFileSync } from 'node:fs'
import t from 'tap'
import { rigTest } from '../../support/rig.ts'
import { onTerminal, terminal } from '../../support/terminal.ts'

/** Writes a line into a file for each time that runner.cfg is read. */
const hook = (file: string) => `
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
const { openSync, appendFileSync } = fs
fs.openSync = (path, ...rest) => {
  if (String(path).endsWith('runner.cfg')) appendFileSync(${JSON.stringify(file)}, 'read\\n')
  return openSync(path, ...rest)
}
syncBuiltinESMExports()`

rigTest(
  t,
  'a run reads its configuration once, on a terminal too, where earlier runs say how long a task takes',
  { tasks: { a: 'sleep 0.3' }, needs: [terminal] },
  async (t, rig) => {
    for (const run of [1, 2]) {
      const file = rig.path(`reads-${run}`)
      const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(hook(file))}`
      const shown = rig.start(['run'], { ...onTerminal, env: { ...onTerminal.env, NODE_OPTIONS } })
      t.equal(await shown.ended, 0, shown.text)
      t.equal(readFileSync(file, 'utf8'), 'read\n', `run ${run}`)
    }
  },
)
