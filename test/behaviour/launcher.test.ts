import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execaSync } from 'execa'
import t, { type Test } from 'tap'
import { installLookup } from '../support/look-ups.ts'
import { program, testWith } from '../support/require.ts'
import { variants } from '../support/variants.ts'

const shells = variants(['dash', 'bash', 'busybox'].map(program))
/** The programs that a shell and the launcher need, without Node. */
const tools = ['sh', 'cat', 'find', 'readlink', 'awk', 'uname'].map(program)

/** A Node of some version that tells how it was started. */
const node = (name: string, version = 'v26.0.0') =>
  `#!/bin/sh\n[ "$1" != --version ] || { echo ${version}; exit; }\nprintf '%s\\n' ${name} "$@"\n`

function executable(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, 0o755)
  return path
}

/** An installation of nothing but the launcher, with a PATH on which there is no Node. */
function install(t: Test, name = 'place') {
  const folder = t.testdir()
  const root = join(folder, name)
  const launcher = installLookup(root)
  rmSync(join(root, 'lib'), { recursive: true })
  mkdirSync(join(folder, 'path'))
  for (const { path } of tools) symlinkSync(path, join(folder, 'path', path.split('/').at(-1)!))
  const run = (words: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) => {
    const { exitCode, stdout, stderr } = execaSync(words[0]!, words.slice(1), {
      cwd: options.cwd ?? folder,
      env: { PATH: join(folder, 'path'), ...options.env },
      extendEnv: false,
      stripFinalNewline: false,
      reject: false,
    })
    return { status: exitCode, out: stdout.split('\n').slice(0, -1), err: stderr }
  }
  return { folder, root, launcher, path: join(folder, 'path'), run }
}

/** The package of npm with the Node.js of this machine. */
const npmPackage = `node-linux-${process.arch}`

const source = '../src/cli/main.ts'

testWith(t, 'what runs for months is kept small, however it is configured', tools, async t => {
  const { root, launcher, run } = install(t)
  executable(join(root, 'lib/node'), node('shipped'))
  const isSmall = (...words: string[]) =>
    run([launcher, ...words]).out.some(word => word.startsWith('--max-semi-space-size='))
  const small = ['server', 'attach', '-c runner.cfg server', '--config=x -v attach -q', 'server backup x']
  for (const words of small) t.ok(isSmall(...words.split(' ')), words)
  for (const words of [
    '',
    'run server',
    '-c server',
    '-c attach run',
    'get server',
    '-g server',
    '-- server',
  ])
    t.notOk(isSmall(...words.split(' ')), words)
})

testWith(t, 'it finds its place however it is called', [...tools, ...shells], async t => {
  const { folder, root, launcher, path, run } = install(t, '-a place of its own')
  executable(join(root, 'lib/node'), node('shipped'))
  symlinkSync(launcher, join(path, 'linked'))
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true })
  symlinkSync('../../-a place of its own/bin/runner', join(folder, 'node_modules/.bin/runner'))
  const bin = dirname(launcher)
  const env = { PATH: `${bin}:${path}`, CDPATH: `/:${folder}`, ENV: '/nonexistent', IFS: '/', rn_root: 'x' }
  const calls: [string[], string?][] = [
    [[launcher]],
    [['./bin/runner'], root],
    [['../bin/runner'], bin],
    [[join(folder, 'node_modules/.bin/runner')]],
    [[join(path, 'linked')]],
    [['./linked'], path],
    [['runner']],
    [['linked']],
    ...shells.flatMap(({ name, path: shell }): [string[], string?][] => {
      const sh = name === 'busybox' ? [shell, 'sh'] : [shell]
      return [
        [[...sh, launcher]],
        [[...sh, '-eu', launcher]],
        [[...sh, 'runner'], bin],
        [[...sh, '--', '-a place of its own/bin/runner']],
        [[...sh, join(path, 'linked')]],
      ]
    }),
  ]
  for (const [words, cwd] of calls) {
    const { out, err } = run([...words, 'list', 'a  b', ''], { cwd: cwd ?? folder, env })
    t.equal(err, '', words.join(' '))
    t.match(out, [
      'shipped',
      '--disable-sigusr1',
      '--disable-warning=ExperimentalWarning',
      /\/src\/cli\/main\.ts$/,
      'list',
      'a  b',
      '',
    ])
  }
})

testWith(t, 'it takes Node from RUNNER_NODE, from beside it, or from the PATH', tools, async t => {
  const { folder, root, launcher, path, run } = install(t)
  const named = executable(join(folder, 'named node'), node('named'))
  executable(join(path, 'node'), node('on-path', 'v24.15.0'))
  const chosen = (env: NodeJS.ProcessEnv) => run([launcher, 'list'], { env }).out[0]
  t.equal(chosen({}), 'on-path')
  // npm's own link may be that of another processor, or gone.
  executable(join(root, 'node_modules/.bin/node'), node('linked', 'v1.0.0'))
  t.equal(chosen({}), 'on-path')
  executable(join(root, 'node_modules/node-linux-other/bin/node'), node('other', 'v1.0.0'))
  t.equal(chosen({}), 'on-path')
  executable(join(root, 'node_modules', npmPackage, 'bin/node'), node('installed', 'v24.15.0'))
  t.equal(chosen({}), 'installed')
  executable(join(root, 'lib/node'), node('shipped', 'v1.0.0'))
  t.equal(chosen({}), 'shipped')
  t.equal(chosen({ RUNNER_NODE: named }), 'named')
  t.equal(chosen({ RUNNER_NODE: 'node' }), 'on-path')
  t.equal(chosen({ RUNNER_NODE: '' }), 'shipped')
})

testWith(t, 'a Node that is too old, or none, is one clear line', tools, async t => {
  const { launcher, path, run } = install(t)
  const none = run([launcher, 'list'])
  t.match(none, {
    status: 69,
    out: [],
    err: /^runner: needs Node\.js 24\.15 or newer and found none.*nodejs\.org.*\n$/,
  })

  for (const version of ['v20.0.0', 'v24.14.9', 'v9.0.0', 'v0.12.18', '24', 'nonsense', "''"]) {
    executable(join(path, 'node'), node('old', version))
    const { status, out, err } = run([launcher, 'list'])
    t.match({ status, out }, { status: 69, out: [] })
    t.match(
      err,
      /^runner: needs Node\.js 24\.15 or newer; .*\/path\/node, found on PATH, says .*nodejs\.org.*\n$/,
    )
    if (version.startsWith('v')) t.match(err, version)
  }
  for (const version of ['v24.15.0', 'v24.100.0', 'v25.0.0', 'v27.0.0-nightly2026', 'v100.0.0']) {
    executable(join(path, 'node'), node('new', version))
    t.equal(run([launcher, 'list']).out[0], 'new', version)
  }
  const gone = run([launcher, 'list'], { env: { RUNNER_NODE: '/nonexistent/node' } })
  t.match(gone, { status: 69, err: /\/nonexistent\/node, named by RUNNER_NODE, says no version/ })
})

testWith(t, 'it runs what was built unless a source is newer', tools, async t => {
  const { root, launcher, run } = install(t)
  executable(join(root, 'lib/node'), node('shipped'))
  const built = join(root, 'dist/main.js')
  const sources = ['src/config/ini/lookup.sh', 'src/config/ini', 'src/config', 'src'].map(name =>
    join(root, name),
  )
  const main = () => run([launcher, 'list']).out[3]?.slice(join(root, 'bin').length)
  t.equal(main(), `/${source}`)
  executable(built, '')
  for (const path of sources) utimesSync(path, 1000, 1000)
  utimesSync(built, 2000, 2000)
  t.equal(main(), '/../dist/main.js')
  utimesSync(sources[0]!, 3000, 3000)
  t.equal(main(), `/${source}`)
  rmSync(join(root, 'src'), { recursive: true })
  t.equal(main(), '/../dist/main.js')
  rmSync(join(root, 'dist'), { recursive: true })
  t.match(run([launcher, 'list']), {
    status: 69,
    out: [],
    err: /^runner: .*\/dist is missing: .*npm run pack.*\n$/,
  })
})

testWith(t, 'a Node that misses libatomic.so.1 is one line with what to install', tools, async t => {
  const { folder, launcher, path, run } = install(t)
  const loader = `#!/bin/sh
echo "$0: error while loading shared libraries: libatomic.so.1: cannot open shared object file" >&2
exit 127
`
  const expected = { status: 69, out: [], err: /^runner: .*libatomic\.so\.1: apt-get install libatomic1\n$/ }
  executable(join(path, 'node'), loader)
  t.match(run([launcher, 'list']), expected, 'on the PATH')
  const named = executable(join(folder, 'named node'), loader)
  t.match(run([launcher, 'list'], { env: { RUNNER_NODE: named } }), expected, 'named')
})

testWith(t, 'the scripts of the project find the same Node, and it goes first on PATH', tools, async t => {
  const { root, path, run } = install(t)
  const start = join(root, 'scripts/node')
  mkdirSync(dirname(start))
  copyFileSync('scripts/node', start)
  const shows = '#!/bin/sh\n[ "$1" != --version ] || { echo v26.0.0; exit; }\nprintf "%s\\n" "$PATH" "$@"\n'
  executable(join(path, 'node'), shows)
  t.same(run([start, 'a  b', '']).out, [`${path}:${path}`, 'a  b', ''])
  const installed = executable(join(root, 'node_modules', npmPackage, 'bin/node'), shows)
  t.same(run([start, 'x']), { status: 0, out: [`${dirname(installed)}:${path}`, 'x'], err: '' })
  t.equal(run(['scripts/node', 'x'], { cwd: root }).out[0], `${dirname(installed)}:${path}`)
})

testWith(t, 'plain look-ups need no Node, all else does', tools, async t => {
  const { folder, root, launcher, run } = install(t)
  executable(join(root, 'lib/node'), node('asked'))
  writeFileSync(join(folder, 'runner.cfg'), '[a]\nb = here\nb.c = dots\n')
  writeFileSync(join(folder, '-other *.cfg'), '[a]\nb = there\n')
  const plain: [string, string[], string[]][] = [
    ['here', ['-g', 'a.b'], ['-ga.b']],
    ['here', ['--get', 'a.b'], ['--get=a.b']],
    ['here', ['get', 'a.b'], ['-v', 'get', '--quiet', 'a.b', '-q', '--verbose']],
    ['dots', ['get', 'a.b.c'], ['-g', 'a.b.c']],
    ['there', ['-c', '-other *.cfg', '-g', 'a.b'], ['-g', 'a.b', '-c-other *.cfg']],
    ['there', ['--config', '-other *.cfg', 'get', 'a.b'], ['get', '--config=-other *.cfg', 'a.b']],
    ['there', ['get', 'a.b', '-c', '-other *.cfg'], ['get', '-c', './-other *.cfg', 'a.b']],
  ]
  for (const [value, ...forms] of plain)
    for (const words of forms)
      t.same(run([launcher, ...words]), { status: 0, out: [value], err: '' }, words.join(' '))

  const other = [
    [],
    ['-g'],
    ['-g', 'a'],
    ['-g', 'a.b', '-g', 'a.b'],
    ['-g', 'a.b', 'x'],
    ['-g', 'a.'],
    ['-c', 'runner.cfg', '-c', 'runner.cfg', '-g', 'a.b'],
    ['-c', '', '-g', 'a.b'],
    ['-c', 'none.cfg', '-g', 'a.b'],
    ['-c', folder, '-g', 'a.b'],
    ['-c', '/dev/zero', '-g', 'a.b'],
    ['-vg', 'a.b'],
    ['-x', '-g', 'a.b'],
    ['get'],
    ['get', 'a'],
    ['get', 'a.b', 'a.b'],
    ['get', 'get', 'a.b'],
    ['get', '-g', 'a.b'],
    ['get', '--origin', 'a.b'],
    ['get', '--', 'a.b'],
    ['a.b', 'get'],
    ['run', 'a.b'],
    ['--get'],
    ['-g', 'a.b', '-c'],
  ]
  for (const words of other) {
    const { status, out } = run([launcher, ...words])
    t.same([status, out[0], ...out.slice(4)], [0, 'asked', ...words], words.join(' '))
  }
})

testWith(
  t,
  'without any configuration a look-up prints nothing, and $RUNNER_CONFIG counts',
  tools,
  async t => {
    const { folder, launcher, run } = install(t)
    writeFileSync(join(folder, 'named.cfg'), '[a]\nb = named\n')
    const nothing = { status: 0, out: [], err: '' }
    const value = { status: 0, out: ['named'], err: '' }
    const ask = (env: NodeJS.ProcessEnv) => run([launcher, '-g', 'a.b'], { env })
    t.same(ask({ RUNNER_CONFIG: 'named.cfg' }), value)
    t.same(ask({ RUNNER_CONFIG: '/dev/null' }), nothing)
    t.same(run([launcher, '-c', '/dev/null', '-g', 'a.b']), nothing)
    writeFileSync(join(folder, 'runner.cfg'), '[a]\nb = here\n')
    t.same(ask({ RUNNER_CONFIG: 'named.cfg' }), value)
    t.same(ask({ RUNNER_CONFIG: '' }), { ...value, out: ['here'] })
  },
)
