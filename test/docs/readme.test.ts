import { cpSync, readFileSync } from 'node:fs'
import t from 'tap'
import { follow, RigShell } from '../support/page-shell.ts'
import { blocksOf, compare } from '../support/pages.ts'
import { rigTest } from '../support/rig.ts'

const page = 'README.md'
const install = blocksOf(page).find(({ section }) => section === 'Install')!

t.test('a bare machine runs the commands of the page', async t => {
  const commands = install.text.replaceAll(/ *#.*/g, '').trim().split('\n')
  t.same(commands, ['npm ci', 'npm start'])
  const script = readFileSync('scripts/bare-machine.sh', 'utf8')
  for (const command of commands) t.match(script, `cd runner; ${command}'`)
})

rigTest(t, 'npm start prints what the page shows', {}, async (t, rig) => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } }
  t.equal(scripts.start, 'bin/runner run')
  for (const name of ['runner.cfg', 'tasks.d']) cpSync(name, rig.path(name), { recursive: true })
  const run = rig.start(['run'])
  t.equal(await run.ended, 0)
  t.ok(compare(install.prints!, run.text), 'it prints that', { came: run.text })
})

rigTest(t, 'the configuration and the task of the page are right', {}, async (t, rig) => {
  const shell = new RigShell(rig)
  t.equal(await follow(t, page, shell, { sections: ['A chain'] }), 2, 'both files are found')
  for (const name of ['40-cleanup.sh', '50-buildbot.sh', 'halt.sh']) rig.task(name, 'exit 0')
  t.match(await shell.run('runner check'), { status: 0, output: /^ok: 3 tasks in .*\n$/ })
  await shell.close()
})
