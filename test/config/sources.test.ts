import { symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatDiagnostic } from '../../src/config/diagnostic.ts'
import { isLeftover } from '../../src/config/leftover.ts'
import { findConfigFile, readSources, type Sources } from '../../src/config/sources.ts'
import { makeFifo } from '../support/fifo.ts'
import { program, testWith } from '../support/require.ts'

function read(file: string): Sources {
  const sources = readSources(file)
  if (!sources.ok) throw new Error(formatDiagnostic(sources.failure))
  return sources.value
}

const main = '[runner]\ninclude_dir = conf.d\n[a]\nb = main\nc = main\n'

t.test('later files win key by key, in the order of the bytes of their names', async t => {
  const folder = t.testdir({
    'runner.cfg': main,
    'conf.d': {
      é: '[a]\nb = é\n',
      a: '[a]\nb = a\n',
      Z: '[a]\nb = Z\nd = Z\n',
      '10': '[e]\n',
      '9': '[a]\nf = 9\n',
    },
  })
  const sources = read(join(folder, 'runner.cfg'))
  t.same(
    sources.files,
    ['runner.cfg', ...['10', '9', 'Z', 'a', 'é'].map(name => join('conf.d', name))].map(name =>
      join(folder, name),
    ),
  )
  t.same(
    [...sources.section('a')!.entries()],
    [
      ['b', { value: 'é', file: join(folder, 'conf.d/é'), line: 2 }],
      ['c', { value: 'main', file: join(folder, 'runner.cfg'), line: 5 }],
      ['f', { value: '9', file: join(folder, 'conf.d/9'), line: 2 }],
      ['d', { value: 'Z', file: join(folder, 'conf.d/Z'), line: 3 }],
    ],
  )
  t.same(sources.sections(), ['runner', 'a', 'e'])
  t.same(sources.section('e'), new Map())
  t.equal(sources.section('g'), undefined)
  t.equal(sources.get('a', 'f')?.value, '9')
  t.equal(sources.get('a', 'g'), undefined)
  t.equal(sources.get('g', 'a'), undefined)
  t.same(sources.findings, [])
})

t.test('only regular files that nobody left behind count', async t => {
  const wrong = '[a]\nb = wrong\n'
  const folder = t.testdir({
    'runner.cfg': main,
    elsewhere: '[a]\nb = linked\n',
    'conf.d': { '.hidden': wrong, 'a~': wrong, 'a.bak': wrong, 'a.rpmnew': wrong, folder: { a: wrong } },
  })
  symlinkSync('../elsewhere', join(folder, 'conf.d/link'))
  symlinkSync('folder', join(folder, 'conf.d/link-to-folder'))
  symlinkSync('/dev/zero', join(folder, 'conf.d/link-to-device'))
  const sources = read(join(folder, 'runner.cfg'))
  t.equal(sources.get('a', 'b')?.value, 'linked')
  t.same(sources.findings, [])
  symlinkSync('nowhere', join(folder, 'conf.d/lost'))
  t.match(read(join(folder, 'runner.cfg')), {
    unread: [],
    findings: [{ severity: 'warning', reason: 'include-file-missing', file: join(folder, 'conf.d/lost') }],
  })
})

t.test('leftovers of editors, patches and package managers', async t => {
  for (const name of [
    'a~',
    'a.dpkg-old',
    'a.dpkg-dist',
    'a.rpmsave',
    'a.rpm',
    'a.ucf-new',
    'a.orig',
    'a.rej',
    'a.bak',
    '.a.swp',
  ])
    t.ok(isLeftover(name), name)
  for (const name of [
    'a',
    'a.cfg',
    '~a',
    'bak',
    'rpmsave',
    'a.rpms.sh',
    'a.dpkg-old.sh',
    'a.original',
    'a.backup',
    '',
  ])
    t.notOk(isLeftover(name), name)
})

t.test('include_dir is relative to the folder of its file, as it is written', async t => {
  const folder = t.testdir({
    etc: { 'runner.cfg': '[runner]\ninclude_dir = ../link/../conf.d/\n' },
    there: { 'conf.d': { a: '[a]\nb = there\n' }, below: {} },
    'conf.d': { a: '[a]\nb = here\n' },
  })
  symlinkSync('there/below', join(folder, 'link'))
  t.equal(read(join(folder, 'etc/runner.cfg')).get('a', 'b')?.value, 'there')
  writeFileSync(join(folder, 'absolute.cfg'), `[runner]\ninclude_dir = ${folder}/conf.d\n`)
  t.equal(read(join(folder, 'absolute.cfg')).get('a', 'b')?.value, 'here')
})

t.test('an include_dir that is empty is none; the last one counts', async t => {
  const folder = t.testdir({
    'none.cfg': '[runner]\ninclude_dir = nowhere\ninclude_dir =\n',
    'last.cfg': '[runner]\ninclude_dir = nowhere\n[runner]\ninclude_dir = conf.d\n',
    'conf.d': { a: '[a]\n' },
  })
  t.same(read(join(folder, 'none.cfg')).files, [join(folder, 'none.cfg')])
  t.equal(read(join(folder, 'last.cfg')).files.length, 2)
})

t.test('an include_dir of an included file is told of and ignored', async t => {
  const folder = t.testdir({
    'runner.cfg': main,
    'conf.d': { a: '[runner]\ninclude_dir = ..\n', b: '[runner]\ninclude_dir =\n' },
  })
  const { findings, files, unread } = read(join(folder, 'runner.cfg'))
  t.equal(files.length, 3)
  t.match(findings, [
    { severity: 'warning', reason: 'include-dir-nested', file: join(folder, 'conf.d/a'), line: 2 },
  ])
  t.same(unread, [])
})

t.test('an include_dir that cannot be read is an error at its line', async t => {
  const folder = t.testdir({ 'missing.cfg': main, 'file.cfg': main.replace('conf.d', 'missing.cfg') })
  for (const name of ['missing.cfg', 'file.cfg']) {
    const sources = read(join(folder, name))
    const file = join(folder, name)
    t.match(sources.findings, [{ severity: 'error', reason: 'include-dir-unreadable', file, line: 2 }])
    t.same(sources.unread, sources.findings)
    t.equal(sources.get('a', 'b')?.value, 'main')
  }
})

t.test('more than 16 MiB is refused', async t => {
  const folder = t.testdir({ 'runner.cfg': main, 'conf.d': { large: '' }, 'large.cfg': '' })
  truncateSync(join(folder, 'large.cfg'), 16 * 1024 * 1024 + 1)
  truncateSync(join(folder, 'conf.d/large'), 16 * 1024 * 1024 + 1)
  t.match(readSources(join(folder, 'large.cfg')), { ok: false, failure: { reason: 'config-too-large' } })
  const sources = read(join(folder, 'runner.cfg'))
  t.match(sources.unread, [
    { severity: 'error', reason: 'include-file-unreadable', file: join(folder, 'conf.d/large') },
  ])
})

t.test('a main file that cannot be read is a failure that says why', async t => {
  const folder = t.testdir({ folder: {} })
  const why = (file: string) => {
    const sources = readSources(file)
    return sources.ok ? sources : formatDiagnostic(sources.failure)
  }
  t.match(why(join(folder, 'none.cfg')), /none.cfg: error: cannot read .*: no such file/)
  t.match(why(join(folder, 'folder')), /it is a directory/)
  t.match(why('/dev/zero'), /it is not a regular file/)
  t.match(why(''), /no such file/)
  t.match(why('a\0b'), /null bytes/)
  t.match(readSources('/dev/null'), { ok: true, value: { files: ['/dev/null'], findings: [] } })
})

testWith(t, 'a FIFO is refused without waiting for a writer', [program('mkfifo')], async t => {
  const fifo = join(t.testdir(), 'fifo')
  makeFifo(fifo)
  t.match(readSources(fifo), { ok: false, failure: { reason: 'config-unreadable' } })
})

t.test('names that are no UTF-8 are read, and told apart', async t => {
  const folder = t.testdir({ 'runner.cfg': main, 'conf.d': {} })
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/conf.d/`), Buffer.of(0xff)]), '[a]\nb = 1\n')
  const sources = read(join(folder, 'runner.cfg'))
  t.same(sources.get('a', 'b'), { value: '1', file: join(folder, 'conf.d/\udcff'), line: 2 })
})

t.test('the configuration file: -c, $RUNNER_CONFIG, ./runner.cfg, /etc/runner/runner.cfg', async t => {
  const folder = t.testdir({ 'runner.cfg': '', empty: {} })
  const before = process.cwd()
  t.teardown(() => process.chdir(before))
  process.chdir(folder)
  t.equal(findConfigFile('a', { RUNNER_CONFIG: 'b' }), 'a')
  t.equal(findConfigFile(undefined, { RUNNER_CONFIG: 'b' }), 'b')
  t.equal(findConfigFile(undefined, { RUNNER_CONFIG: '' }), 'runner.cfg')
  t.equal(findConfigFile(undefined, {}), 'runner.cfg')
  process.chdir('empty')
  t.not(findConfigFile(undefined, {}), 'runner.cfg')
})
