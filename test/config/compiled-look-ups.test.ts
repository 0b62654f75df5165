import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { execa } from 'execa'
import fc from 'fast-check'
import t from 'tap'
import { CompiledLookUps, lookUpBase } from '../../src/config/compiled-look-ups.ts'
import { parseIni } from '../../src/config/ini/ini.ts'
import { compare, freshTime, now, nowSeconds, put, shells, site, touch } from '../support/compiled-site.ts'
import { includeCase, iniBytes } from '../support/ini-files.ts'
import type { Way } from '../support/look-ups.ts'
import { testWith } from '../support/require.ts'
import { runs } from '../support/tier.ts'

// Many processes, on a machine that may be busy.
t.setTimeout(300_000)

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))

function keysOf(bytes: Uint8Array): string[] {
  const there = parseIni(bytes, 'file').entries.map(({ section, key }) => `${section}.${key}`)
  const plain = there.filter(key => /^[\w-]+\../.test(key))
  return [
    ...new Set([...plain.toReversed().slice(0, 4), 'a.a', 'runner.b', 'a.[a', 'a.*', 'gone.b', 'none.b']),
  ]
}

for (const odd of [false, true]) {
  const title = `the compiled form of a file ${odd ? 'with' : 'without'} odd characters means the same as the file`
  testWith(t, title, shells, async t => {
    const all = site(t)
    let left = 0
    fc.assert(
      fc.property(iniBytes({ odd }), bytes => {
        put(all.file, bytes)
        all.compile()
        left += compare(all, all.only, keysOf(bytes))
      }),
      { numRuns: runs(60) },
    )
    if (!odd) t.equal(left, 0, 'each answer is from the compiled form')
  })
}

/** Writes a case of included files, each with a time of its own. */
function putCase(folder: string, { main, included }: { main: string; included: [string, string][] }): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
  mkdirSync(join(folder, 'conf.d', 'folder'), { recursive: true })
  mkdirSync(join(folder, 'other'))
  for (const [name, text] of included) put(join(folder, 'conf.d', name), text)
  for (const name of ['conf.d', 'other']) touch(join(folder, name))
  put(join(folder, 'runner.cfg'), main)
}

const includeKeys = ['a.a', 'b.two words', 'runner.include_dir', 'gone.a']

testWith(t, 'a change of any file or directory is seen at once, and its way back too', shells, async t => {
  const all = site(t)
  const folder = join(all.file, '..')
  let compiled = 0
  /** Changes of the files between a compilation and a look-up. */
  const changes: ((other: { main: string; included: [string, string][] }) => void)[] = [
    ({ main }) => put(all.file, main),
    ({ main }) => put(all.file, main, freshTime() - 200_000),
    ({ main }) => {
      put(`${folder}/other/new`, main, freshTime() - 200_000)
      renameSync(`${folder}/other/new`, all.file)
    },
    other => putCase(folder, other),
    ({ included: [first] }) => first && put(join(folder, 'conf.d', first[0]), first[1]),
    ({ included: [first] }) => {
      if (first) put(join(folder, 'conf.d', `more-${first[0]}`), first[1])
    },
    () => {
      for (const name of readdirSync(join(folder, 'conf.d')))
        rmSync(join(folder, 'conf.d', name), { recursive: true })
    },
    () => rmSync(join(folder, 'conf.d'), { recursive: true }),
    () => {},
  ]
  const step = fc.record({
    what: fc.integer({ min: 0, max: changes.length - 1 }),
    other: includeCase,
    compile: fc.boolean(),
  })
  fc.assert(
    fc.property(includeCase, fc.array(step, { minLength: 1, maxLength: 4 }), (first, steps) => {
      putCase(folder, first)
      all.compile()
      compiled += compare(all, all.only, includeKeys) === 0 ? 1 : 0
      for (const { what, other, compile } of steps) {
        mkdirSync(join(folder, 'conf.d'), { recursive: true })
        touch(join(folder, 'conf.d'))
        changes[what]!(other)
        compare(all, all.ways, includeKeys)
        if (compile) all.compile()
        compare(all, all.ways, includeKeys)
      }
    }),
    { numRuns: runs(40) },
  )
  t.ok(compiled > 0, 'some answers were from compiled forms')
})

testWith(
  t,
  'a look-up beside changes and compilations gives a value that the file had meanwhile',
  shells,
  async t => {
    const all = site(t)
    const script = join(all.file, '../../loop.sh')
    const [{ shell, launcher }] = all.ways as [Way]
    // Each look-up says which change came before it and which after: the changer counts in a file. There are 150 of both.
    writeFileSync(
      script,
      `i=0 from=0; while [ $i -lt 150 ] || [ "$from" -lt 150 ]; do read -r from <"$1"; got=$(${shell} "$2" -c "$3" -g a.b); read -r to <"$1"
    [ "$from" -le "$got" ] && [ "$got" -le "$((to + 1))" ] || echo "$from $got $to"; i=$((i+1)); done; echo end`,
    )
    const count = join(all.file, '../../count')
    const change = (value: number) => {
      put(`${all.file}.new`, `[a]\nb = ${value}\n`)
      renameSync(`${all.file}.new`, all.file)
      writeFileSync(`${count}.new`, `${value}\n`)
      renameSync(`${count}.new`, count)
    }
    change(1)
    const asking = execa('sh', [script, count, launcher, all.file], { env: { LC_ALL: 'C' } })
    let over = false
    asking.finally(() => {
      over = true
    })
    for (let changes = 1; !over; changes++) {
      change(changes + 1)
      all.compile()
      await new Promise(resolve => setImmediate(resolve))
    }
    t.equal((await asking).stdout, 'end')
  },
)

testWith(
  t,
  'whatever of a compiled form is missing, look-ups are right, and it is made whole again',
  shells,
  async t => {
    const all = site(t)
    const folder = join(all.file, '..')
    mkdirSync(join(folder, 'conf.d'))
    put(join(folder, 'conf.d/x'), '[b]\nc = 2\n')
    touch(join(folder, 'conf.d'))
    put(all.file, '[runner]\ninclude_dir = conf.d\n[a]\nb = 1\n')
    const keys = ['a.b', 'b.c', 'd.e']
    all.compile()
    const form = filesIn(all.base)
    t.match(form.map(path => basename(path)).sort(), [
      ...Array(6).fill(/^\d+\.(before|after)$/),
      'newer',
      'none',
      'older',
      's-a',
      's-b',
      's-runner',
    ])
    for (const path of form) {
      t.equal(compare(all, all.only, keys), 0)
      rmSync(path)
      compare(all, all.ways, keys)
      // A kill between two steps leaves the last one out, and perhaps a file that nobody reads.
      mkdirSync(join(all.base, 'runner-look-up/1', folder, 'runner.cfg/new-4194305'))
      rmSync(join(all.base, 'runner-look-up/1', all.file, 'none'), { force: true })
      all.compile()
      t.equal(compare(all, all.only, keys), 0, `without ${basename(path)}`)
      t.same(
        readdirSync(form[0]!.slice(0, form[0]!.lastIndexOf('/'))).filter(name => name.startsWith('new-')),
        [],
      )
    }
  },
)

testWith(t, 'nothing is compiled whose change would not show in a time', shells, async t => {
  const all = site(t)
  const folder = join(all.file, '..')
  const isCompiled = () => compare(all, all.only, ['a.b']) === 0
  const text = '[runner]\ninclude_dir = conf.d\n[a]\nb = 1\n'
  const prepare = () => putCase(folder, { main: text, included: [['x', '[b]\nc = 2\n']] })
  prepare()
  all.compile()
  t.ok(isCompiled(), 'an ordinary file')
  const include = join(folder, 'conf.d')
  const link = (target: string) => {
    symlinkSync(target, join(include, 'y'))
    touch(include)
  }
  const refused: [string, () => void][] = [
    ['a file written 1.5 seconds ago', () => touch(all.file, nowSeconds - 1.5)],
    ['a file of the future', () => touch(all.file, nowSeconds + 10.5)],
    ['a file with a time of whole seconds', () => touch(all.file, 1)],
    ['an included file written just now', () => touch(join(include, 'x'), nowSeconds - 0.5)],
    ['a directory changed just now', () => touch(include, nowSeconds - 0.5)],
    ['a link to nowhere', () => link('nowhere')],
    ['a link to a directory', () => link('../other')],
  ]
  for (const [title, make] of refused) {
    prepare()
    make()
    all.compile()
    t.notOk(isCompiled(), title)
    compare(all, all.ways, ['a.b', 'b.c'])
  }
})

testWith(t, 'a directory in which others can write is neither used nor filled', shells, async t => {
  const all = site(t)
  put(all.file, '[a]\nb = 1\n')
  all.compile()
  t.equal(compare(all, all.only, ['a.b']), 0)
  chmodSync(all.base, 0o1777)
  t.equal(compare(all, all.only, ['a.b']), all.only.length, 'a sticky base')
  t.equal(lookUpBase({ XDG_RUNTIME_DIR: all.base }, '/nonexistent'), undefined)
  chmodSync(all.base, 0o755)
  t.equal(lookUpBase({ XDG_RUNTIME_DIR: 'base' }, '/nonexistent'), undefined, 'a relative path')
  t.equal(lookUpBase({ XDG_RUNTIME_DIR: join(all.base, 'none') }, '/nonexistent'), undefined)
  t.equal(lookUpBase({}, '/nonexistent'), undefined)
  const own = join(all.base, 'runner-look-up')
  rmSync(own, { recursive: true })
  mkdirSync(own)
  chmodSync(own, 0o777)
  all.compile()
  t.same(filesIn(own), [])
})

testWith(t, 'where nothing can be written, look-ups read the file', shells, async t => {
  const all = site(t)
  put(all.file, '[a]\nb = 1\n')
  writeFileSync(join(all.base, 'runner-look-up'), 'a file')
  all.compile()
  t.equal(compare(all, all.ways, ['a.b']), 0)
  t.equal(compare(all, all.only, ['a.b']), all.only.length)
})

testWith(t, 'a path with .. and a section with an odd name have no compiled form', shells, async t => {
  const all = site(t)
  put(all.file, '[a]\nb = 1\n[../x]\nb = 2\n[ä]\nb = 3\n[]]\nb = 4\n')
  all.compile()
  t.equal(compare(all, all.only, ['../x.b', 'ä.b', '].b']), 3 * all.only.length)
  const dotted = `${join(all.file, '..')}/../site/runner.cfg`
  t.equal(compare({ ...all, file: dotted }, all.only, ['a.b']), all.only.length)
  new CompiledLookUps(all.base, dotted, '/').refresh(now)
  t.equal(compare({ ...all, file: dotted }, all.ways, ['a.b']), 0)
})
