import t from 'tap'
import { begun, endlessly, project, remains, support } from '../support/test-project.ts'

t.setTimeout(900_000)

/** A server and a task with a process in the background, which a test starts and never ends. */
const endless = `import { writeFileSync } from 'node:fs'
import t from 'tap'
import { rigTest } from ${support('rig.ts')}

rigTest(t, 'never ends', { tasks: { a: 'sleep 1000 & echo up; sleep 1000' } }, async (t, rig) => {
  rig.configure({}, '[server]\\nlisten = 127.0.0.1:0')
  await rig.start(['server'], { lasting: true }).says('listens on')
  await rig.start(['run', '--json'], { lasting: true }).output('up')
${endlessly}})
`

t.test('a line tells of each file when it has ended, and a test that is killed leaves nothing', async t => {
  const { directory, run } = project(t, {
    'endless.test.ts': endless,
    'good.test.ts': `import t from 'tap'
t.test('two', async t => { t.pass('a'); t.pass('b') })
t.test('none', { skip: 'needs a moon, the sea' }, async () => {})
t.test('none either', { skip: 'needs the sea' }, async () => {})
`,
    'bad.test.ts': `import t from 'tap'
t.test('outer', async t => {
  t.comment('seed 7')
  t.test('inner', async t => t.same({ a: 1 }, { a: 2 }, 'is the same'))
})
`,
  })
  await run.says('test/good.test.ts: 2 passed, 0 failed, 2 skipped (')
  await run.says('test/bad.test.ts: 0 passed, 1 failed, 0 skipped (')
  const test = await begun(directory)
  t.equal(run.child.exitCode, null, 'while another one runs')
  process.kill(test.pid, 'SIGKILL')
  t.equal(await run.ended, 1)
  t.same(await remains(directory, test), [])
  const { text } = run
  const failed = /^ {4}not ok: test\/bad\.test\.ts > outer > inner > is the same$/m
  const [first = '', last = ''] = text.split('FAILED test/bad.test.ts: 0 passed, 1 failed, 0 skipped (')
  t.match(first, failed)
  t.ok(
    first.search(failed) < first.search(/^ {4}# seed 7$/m),
    'what else the file said comes after its failures',
  )
  t.match(last, failed, 'once more at the end')
  t.match(text, /^ {4}- {2}"a": 2,\n {4}\+ {2}"a": 1,$/m)
  t.match(
    text,
    /^test\/endless\.test\.ts: 0 passed, 1 failed, 0 skipped \(.* s\)\n {4}it was ended by SIGKILL$/m,
  )
  t.match(text, /SKIPPED for want of a moon: 1 test\nSKIPPED for want of the sea: 2 tests\n/)
  t.match(text, /\n2 passed, 2 failed, 2 skipped\n$/)
})

for (const signal of ['SIGTERM', 'SIGKILL'] as const)
  t.test(`a run of tests that ${signal} ends leaves nothing`, async t => {
    const { directory, run } = project(t, { 'endless.test.ts': endless })
    const test = await begun(directory)
    run.child.kill(signal)
    t.equal(await run.ended, signal === 'SIGTERM' ? 143 : signal)
    t.same(await remains(directory, test), [])
  })
