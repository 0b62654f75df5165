import assert from 'node:assert/strict'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { execaSync } from 'execa'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { type GetOptions, getCommand } from '../../../src/cli/chain/get.ts'
import { encodeBytes } from '../../../src/config/ini/bytes.ts'
import { parseIni } from '../../../src/config/ini/ini.ts'
import { mergeFiles } from '../../../src/config/sources.ts'
import { iniBytes } from '../../support/ini-files.ts'

const launcher = resolve(import.meta.dirname, '..', '..', '..', 'bin', 'runner')

const text = `[disk]
limit = 10G
path = /var
    /srv

    /home
empty =
odd =;x
[net]
host.name = a.example
`

interface Said {
  status: number
  out: string
  err: string
}

/** The output of the function for these options. */
function get(key: string, options: Partial<GetOptions> = {}, env: NodeJS.ProcessEnv = {}): Said {
  const said = { out: '', err: '' }
  const status = getCommand(
    { key, legacy: false, origin: false, require: false, json: false, ...options },
    env,
    bytes => {
      said.out += Buffer.from(bytes).toString('latin1')
    },
    line => {
      said.err += `runner: ${line}\n`
    },
  )
  return { status, ...said }
}

const nothing: Said = { status: 0, out: '', err: '' }
const prints = (out: string): Said => ({ status: 0, out, err: '' })
const site = (t: Test) => join(t.testdir({ 'runner.cfg': text }), 'runner.cfg')

t.test('a value comes with one line feed', async t => {
  const config = site(t)
  t.same(get('disk.limit', { config }), prints('10G\n'))
  t.same(get('disk.path', { config }), prints('/var\n/srv\n\n/home\n'))
  t.same(get('net.host.name', { config }), prints('a.example\n'))
  t.same(get('disk.empty', { config }), prints('\n'))
})

t.test('what is missing prints nothing and is fine', async t => {
  const config = site(t)
  for (const key of ['disk.limits', 'disc.limit', 'disks', '.limit', 'disk.', ''])
    t.same(get(key, { config }), nothing)
})

t.test('a section comes as INI that reads back', async t => {
  const config = site(t)
  t.same(
    get('disk', { config }),
    prints('limit = 10G\npath = /var\n    /srv\n\n    /home\nempty =\nodd =;x\n'),
  )
})

t.test('any section reads back', async t => {
  const config = join(t.testdir({ 'runner.cfg': '' }), 'runner.cfg')
  fc.assert(
    fc.property(iniBytes({ odd: true }), bytes => {
      writeFileSync(config, bytes)
      const merged = mergeFiles([parseIni(bytes, config)])
      for (const name of merged.sections().filter(name => !name.includes('.'))) {
        const pieces = [encodeBytes(`[${name}]\n`)]
        const options = { config, key: name, legacy: false, origin: false, require: false, json: false }
        getCommand(options, {}, piece => pieces.push(Buffer.from(piece)), assert.fail)
        const again = mergeFiles([parseIni(Buffer.concat(pieces), config)])
        const values = (section: typeof merged) =>
          Array.from(section.section(name)!, ([key, { value }]) => [key, value])
        assert.deepEqual(values(again), values(merged))
      }
    }),
    { numRuns: 500 },
  )
})

t.test('--origin puts file and line before each value', async t => {
  const config = site(t)
  t.same(get('disk.limit', { config, origin: true }), prints(`${config}:2\t10G\n`))
  t.same(get('net', { config, origin: true }), prints(`${config}:10\thost.name = a.example\n`))
})

t.test('--json prints one object, or null', async t => {
  const config = site(t)
  const json = (key: string, options = {}) => JSON.parse(get(key, { config, json: true, ...options }).out)
  t.strictSame(json('disk.limit'), { section: 'disk', key: 'limit', value: '10G', file: config, line: 2 })
  t.strictSame(json('net'), { section: 'net', values: { 'host.name': 'a.example' } })
  t.strictSame(json('net', { origin: true }), {
    section: 'net',
    values: { 'host.name': { value: 'a.example', file: config, line: 10 } },
  })
  t.equal(json('net.x'), null)
  t.match(get('net.x', { config, json: true, require: true }), { status: 1, out: 'null\n' })
})

t.test('--require makes a missing key a failure, and guesses what was meant', async t => {
  const config = site(t)
  const failure = (key: string) => {
    const { status, out, err } = get(key, { config, require: true })
    t.match({ status, out }, { status: 1, out: '' })
    return err
  }
  t.equal(failure('disk.limits'), `runner: disk.limits is not set in ${config}; did you mean disk.limit?\n`)
  t.equal(failure('disc.limit'), `runner: disc.limit is not set in ${config}; did you mean disk.limit?\n`)
  t.equal(failure('dsk'), `runner: dsk is not set in ${config}; did you mean disk?\n`)
  t.equal(failure('something.else'), `runner: something.else is not set in ${config}\n`)
  t.same(get('disk.empty', { config, require: true }), prints('\n'))
})

t.test('a person at a terminal hears that a key is missing, and the status stays 0', async t => {
  const config = site(t)
  const heard = (options: object) => get('disk.limits', { config, onTerminal: true, ...options })
  t.same(heard({}), {
    status: 0,
    out: '',
    err: `runner: disk.limits is not set in ${config}; did you mean disk.limit?\n`,
  })
  t.same(heard({ legacy: true }), prints(''))
  t.same(heard({ json: true }), prints('null\n'))
  t.same(get('disk.limits', { config }), prints(''))
})

t.test('-g wants a dot', async t => {
  t.match(get('disk', { config: site(t), legacy: true }), {
    status: 64,
    out: '',
    err: /-g disk.*section\.key/,
  })
  t.match(get('disk.limit', { config: site(t), legacy: true }), prints('10G\n'))
})

t.test('a configuration that was named and cannot be read is an error', async t => {
  const folder = t.testdir({ 'include.cfg': `[runner]\ninclude_dir = nowhere\n${text}` })
  const config = join(folder, 'none.cfg')
  const failure = {
    status: 78,
    out: '',
    err: /none\.cfg: error: cannot read the configuration file: no such file/,
  }
  t.match(get('disk.limit', { config }), failure)
  t.match(get('disk.limit', {}, { RUNNER_CONFIG: config }), failure)
  t.match(get('disk.limit', { config: join(folder, 'include.cfg') }), {
    status: 78,
    out: '',
    err: /include\.cfg:2: error: cannot read include_dir .*nowhere/,
  })
})

t.test('through the program', async t => {
  const folder = t.testdir({ 'runner.cfg': text, elsewhere: {} })
  writeFileSync(join(folder, 'latin1.cfg'), Buffer.from('[a]\nb = \xe4\xff\n', 'latin1'))
  const { RUNNER_CONFIG: _, ...env } = process.env
  const run = (words: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv; uid?: number } = {}) => {
    const { exitCode, stdout, stderr } = execaSync(launcher, words, {
      cwd: folder,
      env,
      extendEnv: false,
      encoding: 'latin1',
      stripFinalNewline: false,
      reject: false,
      ...options,
    })
    return { status: exitCode, out: stdout, err: stderr }
  }
  t.same(run(['get', 'disk.path', '--origin']), prints('runner.cfg:3\t/var\n/srv\n\n/home\n'))
  t.same(run(['-c', 'runner.cfg', 'get', 'net']), prints('host.name = a.example\n'))
  t.same(run(['get', '-c', 'latin1.cfg', '--', 'a.b']), prints('\xe4\xff\n'))
  t.same(run(['get', 'a.b', '-c', 'latin1.cfg']), prints('\xe4\xff\n'), 'from the shell the same bytes')
  t.match(run(['get', 'disk.limits', '--require']), { status: 1, out: '', err: /did you mean disk\.limit\?/ })
  t.match(run(['-g', 'disk']), { status: 64, out: '' })
  t.match(run(['-c', 'none.cfg', '-g', 'disk.limit']), {
    status: 78,
    out: '',
    err: /^runner: \S*none\.cfg: error/,
  })
  t.match(run(['-g', 'a.b'], { env: { ...env, RUNNER_CONFIG: 'none.cfg' } }), { status: 78, out: '' })
  const elsewhere = { cwd: join(folder, 'elsewhere') }
  if (!existsSync('/etc/runner/runner.cfg')) t.same(run(['-g', 'disk.limit'], elsewhere), nothing)

  chmodSync(join(folder, 'latin1.cfg'), 0)
  const other = process.getuid?.() === 0 ? { uid: 65534 } : {}
  t.match(run(['-c', 'latin1.cfg', '-g', 'a.b'], other), { status: 78, out: '', err: /permission denied/ })
})
