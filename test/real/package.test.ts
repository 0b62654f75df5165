import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { command } from '../support/command.ts'
import { buildPackage, copyCheckout, otherNode, packageNeeds } from '../support/package.ts'
import { type Component, program, testWith } from '../support/require.ts'

t.setTimeout(300_000)

/** The oldest Node.js that the package of npm promises to work with. */
const oldestNode = '24.15.0'

/** A test with a directory of its own for large files, which is gone afterwards. */
function packageTest(
  title: string,
  needs: readonly Component[],
  body: (t: Test, dir: string) => Promise<void>,
) {
  return testWith(t, title, needs, async t => {
    const dir = mkdtempSync(join(tmpdir(), `runner-test-${process.pid}-`))
    try {
      await body(t, dir)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
}

/** A chain of one task below a directory; what it prints shows that look-ups work. */
function writeChain(dir: string): string {
  mkdirSync(join(dir, 'tasks.d'), { recursive: true })
  writeFileSync(join(dir, 'runner.cfg'), '[runner]\nstate_dir = state\n[greeting]\nword = hello\n')
  const task = '#!/bin/sh\necho "a task says $($RUNNER_CONFIG_CMD -g greeting.word)"\n'
  writeFileSync(join(dir, 'tasks.d', 'one'), task, { mode: 0o755 })
  return join(dir, 'runner.cfg')
}

/** Without what a shell or npm around this test has set for itself. */
function plainEnvironment(path: string): NodeJS.ProcessEnv {
  const { HOME, LANG } = process.env
  return { HOME, LANG, PATH: path, npm_config_update_notifier: 'false' }
}

const tools = ['lintian', 'dpkg-deb', 'man'].map(program)

await packageTest('the Debian package is whole', [...packageNeeds, ...tools], async (t, dir) => {
  const { built, deb } = await buildPackage(dir)
  t.same(
    built.map(name => name.replace(/_.*(?=\.)/, '')).sort(),
    ['runner.buildinfo', 'runner.changes', 'runner.deb'],
    'one package, and none of symbols',
  )

  await t.test('lintian finds no error', async t => {
    const user = process.getuid?.() === 0 ? ['--allow-root'] : []
    const changes = join(dir, built.find(name => name.endsWith('.changes'))!)
    const said = await command('lintian', [...user, '--fail-on', 'error,warning', changes], { patience: 200 })
    t.notMatch(said, /^[EW]:/m)
  })

  const root = join(dir, 'root')
  await command('dpkg-deb', ['-x', deb, root])
  const list = await command('dpkg-deb', ['-c', deb])
  await t.test('files are where they belong', async t => {
    for (const [mode, path] of [
      ['-rw-r--r--', './etc/runner/runner.cfg'],
      ['drwxr-xr-x', './etc/runner/tasks.d/'],
      ['drwx------', './var/lib/runner/'],
      ['-rw-r--r--', './lib/systemd/system/runner-attach.service'],
      ['-rw-r--r--', './lib/systemd/system/runner-server.service'],
      ['-rw-r--r--', './lib/systemd/system/runner.service'],
      ['-rw-r--r--', './lib/systemd/system/runner@.service'],
      ['-rw-r--r--', './usr/share/man/man1/runner.1.gz'],
      ['-rw-r--r--', './usr/share/man/man5/runner.cfg.5.gz'],
      ['-rw-r--r--', './usr/share/bash-completion/completions/runner'],
      ['-rw-r--r--', './usr/share/zsh/vendor-completions/_runner'],
      ['-rw-r--r--', './usr/share/fish/vendor_completions.d/runner.fish'],
      ['-rwxr-xr-x', './usr/share/doc/runner/examples/tasks.d/10-disk.sh'],
      ['-rw-r--r--', './usr/share/doc/runner/examples/runner.cfg'],
    ] as const)
      t.ok(
        list.split('\n').some(line => line.startsWith(`${mode} root/root`) && line.endsWith(` ${path}`)),
        path,
      )
    t.equal(await command('dpkg-deb', ['-I', deb, 'conffiles']), '/etc/runner/runner.cfg')
    t.match(await command('dpkg-deb', ['-f', deb, 'Depends']), /\blibatomic1\b/, 'what its Node.js needs')
    t.ok(readFileSync(join(root, 'usr/lib/runner/dist/THIRD-PARTY-LICENSES')).length > 1000)
  })

  await t.test('it runs with the Node.js that it brings, through the link in /usr/bin', async t => {
    const env = plainEnvironment('/usr/bin:/bin')
    const installed = join(root, 'usr/bin/runner')
    t.match(await command(installed, ['--version'], { env }), /^\d+\.\d+\.\d+$/)
    const said = await command(installed, ['-c', writeChain(join(dir, 'chain')), 'run'], { env })
    t.match(said, 'a task says hello')
    t.match(said, /run 1 succeeded: 1 task in /)
    const check = ['-c', join(root, 'etc/runner/runner.cfg'), 'check', '--insecure-permissions']
    t.match(await command(installed, check, { env }), /./, 'the configuration it installs is one')
  })

  await t.test('the man pages are well-formed', async t => {
    for (const page of ['man1/runner.1.gz', 'man5/runner.cfg.5.gz']) {
      const file = join(root, 'usr/share/man', page)
      const env = { ...plainEnvironment('/usr/bin:/bin'), MANROFFSEQ: '', MANWIDTH: '80', LC_ALL: 'C.UTF-8' }
      const shell = `man --warnings -E UTF-8 -l "$1" 2>&1 >/dev/null`
      t.equal(await command('sh', ['-c', shell, 'sh', file], { env }), '')
    }
  })
})

await packageTest(
  'the package of npm works by npx, on the oldest Node.js and on ours',
  [program('npm'), program('git'), program('tar')],
  async (t, dir) => {
    const source = join(dir, 'source')
    await copyCheckout(source)
    const own = dirname(process.execPath)
    const path = process.env.PATH ?? ''
    const env = { ...plainEnvironment(path), npm_config_cache: join(dir, 'cache') }
    const before = readFileSync(join(source, 'package.json'), 'utf8')
    await t.rejects(
      command('npm', ['pack'], { cwd: source, env }),
      { message: /ENOENT.*\/dist\/runner-/s },
      'without dist/ a plain npm pack makes nothing',
    )
    await command('npm', ['run', 'pack', '--', '--pack-destination', dir], { cwd: source, env })
    t.equal(readFileSync(join(source, 'package.json'), 'utf8'), before, 'the manifest is as it was')

    const { version } = JSON.parse(before) as { version: string }
    const tarball = join(dir, `runner-${version}.tgz`)
    const manifest = JSON.parse(await command('tar', ['-xzOf', tarball, 'package/package.json']))
    for (const key of ['dependencies', 'optionalDependencies', 'private', 'scripts'])
      t.notHas(manifest, key, `no ${key}`)
    t.notMatch(await command('tar', ['-tzf', tarball]), /package\/(src|test|node_modules|lib)\//)

    const config = writeChain(join(dir, 'chain'))
    for (const [node, bin] of [
      [`v${oldestNode}`, await otherNode(oldestNode)],
      [process.version, own],
    ] as const) {
      const env = { ...plainEnvironment([bin, path].join(delimiter)), npm_config_cache: join(dir, 'cache') }
      t.equal(await command('node', ['--version'], { env }), node)
      const elsewhere = join(dir, `npx-${node}`)
      mkdirSync(elsewhere)
      const npx = ['--yes', `--package=${tarball}`, 'runner']
      t.equal(await command('npx', [...npx, '--version'], { cwd: elsewhere, env }), version)
      const said = await command('npx', [...npx, '-c', config, 'run'], { cwd: elsewhere, env })
      t.match(said, 'a task says hello', `on ${node}`)
    }
  },
)
