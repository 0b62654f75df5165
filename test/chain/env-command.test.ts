import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execaSync } from 'execa'
import t from 'tap'
import { envTarget } from '../../src/chain/env-command.ts'
import { checkStartable } from '../../src/chain/startable.ts'

/** First lines behind `#!/usr/bin/env`, with `$DIR` for a folder in which `here` is a program. */
const lines: [line: string, starts: boolean][] = [
  [' here', true],
  [' gone', false],
  [' here -x', false],
  [' -S here -x', true],
  [' -Shere', true],
  [' -S gone', false],
  [' -vS here', true],
  [' -iS here', false],
  [' -iS PATH=$DIR here', true],
  [' -S -i sh', true],
  [' -S - sh', true],
  [' -S -u PATH here', false],
  [' -S -u X here', true],
  [' -S -uX here', true],
  [' -S --unset=PATH here', false],
  [' -S --unset PATH sh', true],
  [' -S PATH=/nowhere here', false],
  [' -S X=1 Y=2 here a', true],
  [' -S -- here', true],
  [' -S -- gone', false],
  [' -- here', false],
  [" -S 'here' # gone", true],
  [' -S "he""re"', true],
  [' --split-string=here -x', true],
  [' --split-string=gone -x', false],
  [' -i here', false],
  [' $DIR/here', true],
  [' $DIR/gone', false],
]

t.test('a first line with env is judged as env itself does', async t => {
  const dir = t.testdir()
  writeFileSync(join(dir, 'here'), '#!/bin/sh\nexit 42\n', { mode: 0o755 })
  const path = `${dir}:/usr/bin:/bin`
  for (const [number, [line, starts]] of lines.entries()) {
    const file = join(dir, String(number))
    writeFileSync(file, `#!/usr/bin/env${line.replace('$DIR', dir)}\nexit 42\n`, { mode: 0o755 })
    const given = { env: { PATH: path }, extendEnv: false }
    const { exitCode } = execaSync(file, { ...given, stdio: 'ignore', reject: false })
    t.equal(exitCode === 42, starts, `env: ${line}`)
    t.equal(checkStartable(file, false, path).ok, starts, `runner: ${line}`)
  }
})

t.test('a line by which env would start the file again and again is refused', async t => {
  const dir = t.testdir()
  for (const line of ['', ' X=1', ' X=1 sh', ' -S X=1', ' -i']) {
    writeFileSync(join(dir, 'task'), `#!/usr/bin/env${line}\n`, { mode: 0o755 })
    t.match(checkStartable(join(dir, 'task'), false, process.env.PATH), {
      failure: { reason: 'bad-interpreter', message: 'asks env, which gets no program to start' },
    })
  }
})

t.test('what only env can tell is left to it', async t => {
  for (const words of [['-S$X'], ['-S a\\_b'], ['--new-option', 'x'], ['-C', '/', './x'], ['-Z']])
    t.same(envTarget(words, '/bin'), { kind: 'unsure' }, words.join(' '))
  t.match(envTarget(['-u'], '/bin'), { kind: 'nothing' })
  t.match(envTarget([], undefined), { kind: 'nothing' })
})
