import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadChain } from '../../../src/cli/chain/load-chain.ts'
import { formatDiagnostic } from '../../../src/config/diagnostic.ts'

t.test('a complaint says what slip it was', async t => {
  const directory = t.testdir({ 'tasks.d': { '10-mount.sh': '#!/bin/sh\n' } })
  chmodSync(directory, 0o755)
  chmodSync(join(directory, 'tasks.d'), 0o755)
  chmodSync(join(directory, 'tasks.d', '10-mount.sh'), 0o755)
  const config = join(directory, 'runner.cfg')
  const told = (text: string, taskDir?: string) => {
    writeFileSync(config, `[runner]\n${text}\n`, { mode: 0o644 })
    return loadChain({ config }, taskDir, { PATH: process.env.PATH }).findings.map(formatDiagnostic)
  }
  t.same(told('max_time = 5'), [])
  for (const [text, hint] of [
    ['max_time = "5"', 'leave the quotes out'],
    ['max_time = 5 # seconds', 'write the comment on a line of its own'],
    ['max_time = 5\n max_tries = 2', 'do not indent the line below, which continues the value'],
    ['max_time = 5s', 'the default is 600'],
  ] as const)
    t.match(told(text), [new RegExp(`cfg:2: error: max_time is .*\\n +${hint}$`)], text)
  for (const section of ['10-mount', 'mount.sh', '20-mount.sh', 'muont'])
    t.match(
      told(`[${section}]\nmax_time = 5`),
      [/no task has that name\n +did you mean \[.*mount.*\]\?$/],
      section,
    )
  t.match(told('[nosuch]\nmax_time = 5'), [/no task has that name\n +`runner list` shows the tasks/])
  for (const [text, taskDir] of [
    ['include_dir = nowhere', undefined],
    ['', config],
    ['', join(directory, 'nowhere')],
  ] as const) {
    const all = told(text, taskDir)
    t.match(all, [/ error: .*cannot.* read/], text)
    t.equal(all.length, 1, 'nothing else is told')
  }
})
