import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execaSync } from 'execa'
import t from 'tap'
import { checkStartable } from '../../src/chain/startable.ts'
import { elf, foreignMachine } from '../support/binaries.ts'

function check(dir: string, content: string | Uint8Array, { mode = 0o755, interpreter = false } = {}) {
  const path = join(dir, 'task')
  writeFileSync(path, content)
  chmodSync(path, mode)
  return checkStartable(path, interpreter)
}

t.test('a file that the kernel will start is fine', async t => {
  const dir = t.testdir()
  for (const content of ['#!/bin/sh\n', '#! /bin/sh -e\necho x', '#!/bin/sh', '#!\t/usr/bin/env sh\n'])
    t.match(check(dir, content), { ok: true }, JSON.stringify(content))
  t.match(checkStartable(process.execPath, false), { ok: true }, 'a program of this machine')
})

t.test('a file that the kernel would refuse is refused, with what is wrong', async t => {
  const dir = t.testdir()
  const refused = {
    empty: '',
    'no-hashbang': 'echo x\n',
    'foreign-binary': elf(foreignMachine),
    'bad-interpreter': '#!/no/such/sh\n',
  }
  for (const [reason, content] of Object.entries(refused))
    t.match(check(dir, content), { ok: false, failure: { reason } }, reason)
  const programs = { crlf: '#!/bin/sh\r\n', none: '#!\n', blank: '#!  \n', directory: '#!/bin\n' }
  for (const [what, content] of Object.entries(programs))
    t.match(check(dir, content), { ok: false, failure: { reason: 'bad-interpreter' } }, what)
  t.match(check(dir, '#!/bin/sh\r\n'), { failure: { message: /"\/bin\/sh\\r": its lines end in CR LF/ } })
  t.match(check(dir, '\x7fELF'), { ok: false, failure: { reason: 'foreign-binary' } }, 'cut off')
  t.match(
    check(dir, '\ufeff#!/bin/sh\n'),
    { ok: false, failure: { reason: 'no-hashbang' } },
    'a byte-order mark',
  )
})

t.test('with an interpreter only the file itself counts', async t => {
  const dir = t.testdir()
  for (const content of ['', 'echo x', '#!/no/such/sh\n', elf(foreignMachine)])
    t.match(check(dir, content, { mode: 0o644, interpreter: true }), { ok: true })
  t.match(checkStartable(join(dir, 'none'), true), { failure: { reason: 'missing' } })
})

t.test('what is no file, not there or not executable is refused', async t => {
  const dir = t.testdir()
  mkdirSync(join(dir, 'directory'))
  symlinkSync('nowhere', join(dir, 'dangling'))
  symlinkSync('directory', join(dir, 'link'))
  t.match(checkStartable(join(dir, 'directory'), false), {
    failure: { reason: 'not-a-file', message: 'is a directory' },
  })
  t.match(checkStartable(join(dir, 'link'), false), { failure: { reason: 'not-a-file' } })
  t.match(checkStartable(join(dir, 'dangling'), false), { failure: { reason: 'dangling-link' } })
  t.match(checkStartable(join(dir, 'none'), false), { failure: { reason: 'missing' } })
  t.match(check(dir, '#!/bin/sh\n', { mode: 0o644 }), {
    failure: { reason: 'not-executable', hint: /chmod \+x/ },
  })
  t.match(checkStartable('/dev/null', false), { failure: { reason: 'not-a-file' } })
})

t.test('a damaged program, and a script whose interpreter is none, are failures to start', async t => {
  const whole = readFileSync(process.execPath).subarray(0, 4096)
  const dir = t.testdir({})
  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(dir, name), content, { mode: 0o755 })
    return join(dir, name)
  }
  for (const [name, content] of [
    ['short', whole.subarray(0, 40)],
    ['cut', whole.subarray(0, 64)],
    ['no-header', Buffer.concat([whole.subarray(0, 20), Buffer.alloc(200)])],
  ] as const)
    t.match(
      checkStartable(file(name, content), false),
      { ok: false, failure: { reason: 'foreign-binary' } },
      name,
    )
  for (const content of ['', 'plain text\n', whole.subarray(0, 40)]) {
    const script = file('script', `#!${file('interpreter', content)}\n`)
    t.match(checkStartable(script, false), { ok: false, failure: { reason: 'bad-interpreter' } })
  }
  t.ok(checkStartable(process.execPath, false).ok)
  t.ok(checkStartable('/bin/sh', false).ok)
})

t.test('the interpreter of an interpreter counts, as far as the kernel follows', async t => {
  const dir = t.testdir()
  const script = (name: string, line: string) => {
    const path = join(dir, name)
    writeFileSync(path, `#!${line}\n`, { mode: 0o755 })
    return path
  }
  script('0', '/bin/true')
  for (let depth = 1; depth <= 6; depth++) {
    const path = script(String(depth), join(dir, String(depth - 1)))
    const starts = execaSync(path, { stdio: 'ignore', reject: false }).exitCode !== undefined
    t.equal(starts, depth < 5, `the kernel, ${depth}`)
    t.equal(checkStartable(path, false).ok, starts, `runner, ${depth}`)
  }
  const loop = join(dir, 'loop')
  t.match(checkStartable(script('loop', loop), false), {
    failure: { message: /^asks for an interpreter that .*: the kernel follows 5$/ },
  })
  const gone = script('task', script('wrapper', '/usr/bin/env gone'))
  t.match(checkStartable(gone, false, '/usr/bin:/bin'), {
    failure: {
      reason: 'bad-interpreter',
      message: /interpreter .*\/wrapper, which asks env for the program "gone"/,
    },
  })
  symlinkSync(join(dir, 'wrapper'), join(dir, 'found'))
  t.match(checkStartable(script('env', '/usr/bin/env found'), false, dir), { ok: false })
})
