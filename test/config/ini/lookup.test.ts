import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execaSync } from 'execa'
import fc from 'fast-check'
import t from 'tap'
import { parseIni } from '../../../src/config/ini/ini.ts'
import { includeCase, iniBytes } from '../../support/ini-files.ts'
import {
  aliasFolder,
  askNode,
  askShell,
  installLookup,
  leftToNode,
  type Question,
  type Way,
} from '../../support/look-ups.ts'
import { type Program, program, testWith } from '../../support/require.ts'
import { runs } from '../../support/tier.ts'
import { variants } from '../../support/variants.ts'

const shells = variants(['dash', 'bash', 'busybox'].map(program))
const awks = variants(['mawk', 'gawk', 'original-awk', 'busybox'].map(program))
const everything = [...shells, ...awks]

/** The words that start a shell as a POSIX shell. */
const posixShell = ({ name, path }: Program): string[] =>
  name === 'bash' ? [path, '--posix'] : name === 'busybox' ? [path, 'sh'] : [path]

// Thousands of processes, on a machine that may be busy.
t.setTimeout(540_000)

/** Every shell, reading as much as it can by itself, and every awk. */
function waysIn(folder: string): { shells: Way[]; awks: Way[]; all: Way[] } {
  const loop = installLookup(join(folder, 'loop'), 1_000_000_000)
  const awk = installLookup(join(folder, 'awk'), 0)
  const loops = shells.map(shell => ({
    name: shell.name,
    shell: posixShell(shell).join(' '),
    launcher: loop,
  }))
  const all = awks.map(({ name, path }, index) => ({
    name: `awk: ${path}`,
    shell: posixShell(shells[0]!).join(' '),
    launcher: awk,
    path: aliasFolder(
      join(folder, `awk-${index}`),
      ['awk', 'mawk'],
      name === 'busybox' ? `${path} awk` : path,
    ),
  }))
  return { shells: loops, awks: all, all: [...loops, ...all] }
}

/** Throws where an answer is not that of the full program; returns how many were left to that. */
function compare(folder: string, questions: Question[]): number {
  let left = 0
  for (const [index, { out, status }] of askShell(folder, questions).entries()) {
    const { way, file, key } = questions[index]!
    if (status === leftToNode) {
      // A quote may stand in the way of starting awk.
      if (!key.includes("'")) left++
      continue
    }
    const answer = askNode(file, key)
    if (out !== answer.out || status !== answer.status)
      throw new Error(
        `${way.name}, ${key}: ${JSON.stringify({ out, status })}, not ${JSON.stringify(answer)}`,
      )
  }
  return left
}

/** Some keys that are there, and some that may not be. */
function keysOf(bytes: Uint8Array): string[] {
  const { entries } = parseIni(bytes, 'file')
  const there = entries
    .filter(({ section }) => !section.includes('.'))
    .map(({ section, key }) => `${section}.${key}`)
  return [...new Set([...there.toReversed().slice(0, 3), 'a.a', 'runner.b', 'a.[a', '*.?'])].slice(0, 4)
}

for (const odd of [false, true]) {
  const title = `a file ${odd ? 'with' : 'without'} odd characters means the same to every shell, every awk and Node`
  testWith(t, title, everything, async t => {
    const folder = t.testdir()
    const ways = waysIn(folder)
    const file = join(folder, 'runner.cfg')
    let left = 0
    fc.assert(
      fc.property(
        iniBytes({ odd }),
        fc.constantFrom(...ways.shells),
        fc.constantFrom(...ways.awks),
        (bytes, ...both) => {
          writeFileSync(file, bytes)
          left += compare(
            folder,
            keysOf(bytes).flatMap(key => both.map(way => ({ way, file, key }))),
          )
        },
      ),
      { numRuns: runs(15) },
    )
    if (!odd) t.equal(left, 0, 'nothing is left to Node')
  })
}

testWith(t, 'included files mean the same to every shell, every awk and Node', everything, async t => {
  const folder = t.testdir({ site: {} })
  const ways = waysIn(folder)
  const site = join(folder, 'site')
  const file = join(site, 'runner.cfg')
  let left = 0
  fc.assert(
    fc.property(includeCase, fc.constantFrom(...ways.all), ({ main, included }, way) => {
      rmSync(site, { recursive: true })
      mkdirSync(join(site, 'conf.d', 'folder'), { recursive: true })
      mkdirSync(join(site, 'other'))
      writeFileSync(file, main)
      for (const [name, text] of included) writeFileSync(join(site, 'conf.d', name), text)
      left += compare(
        folder,
        ['a.a', 'b.two words', 'runner.include_dir'].map(key => ({ way, file, key })),
      )
    }),
    { numRuns: runs(15) },
  )
  t.equal(left, 0, 'nothing is left to Node')
})

/** Files that people write, each with keys and what they give, null for nothing. */
const ordinary: [title: string, text: string, answers: Record<string, string | null>][] = [
  [
    'keys',
    '[a]\nb = 1\nc: 2\n\n[d]\nb=3\n',
    { 'a.b': '1', 'a.c': '2', 'd.b': '3', 'd.c': null, 'e.b': null },
  ],
  ['an empty value', '[a]\nb =\nc =   \n', { 'a.b': '', 'a.c': '' }],
  ['a dot in the key', '[a]\nb.c = 1\n[a.b]\nc = 2\n', { 'a.b.c': '1' }],
  [
    'signs in the value',
    '[a]\nb = c=d: #e;f\nu = https://h/#p\n',
    { 'a.b': 'c=d: #e;f', 'a.u': 'https://h/#p' },
  ],
  ['comments', '# a\n; b\n[a] ; c\nb = 1 ; d\n  # e\n  ; f\n  2\n', { 'a.b': '1\n2' }],
  ['several lines', '[a]\nb =\n    c\n\n    d\n  e\n\nf = 1\n', { 'a.b': '\nc\n\nd\ne', 'a.f': '1' }],
  ['a tab', '[a]\nb\t=\t1\n\t2\t3\n', { 'a.b': '1\n2\t3' }],
  [
    'text that is not English',
    '[über]\nstraße = größer\nÁ = Ā\n',
    { 'über.straße': 'größer', 'über.Á': 'Ā' },
  ],
  ['no line feed at the end', '[a]\nb = 1', { 'a.b': '1' }],
  ['twice the same', '[a]\nb = 1\nb = 2\n[c]\n[a]\nb = 3\n', { 'a.b': '3' }],
  [
    'brackets',
    '[a]b]\nk = 1\n[a]\n[] = 2\n[c]x\nk = 3\n',
    { 'a]b.k': '1', 'a.k': null, 'a.[]': '2', 'c.k': '3' },
  ],
  ['indented sections', '  [a]\n  b = 1\n c = 2\n  [d]\n', { 'a.b': '1', 'a.c': '2\n[d]' }],
  [
    'what a shell would expand',
    '[a]\nb = $(id) `id` * ~ \\n %s "$x"\n* = ?\n',
    {
      'a.b': '$(id) `id` * ~ \\n %s "$x"',
      'a.*': '?',
      'a.?': null,
    },
  ],
  ['what looks like an option', '[-n]\n-e = -n\n-n = -e x\n', { '-n.-e': '-n', '-n.-n': '-e x' }],
  ['lines that say nothing', 'x = 0\n[a]\nwhat\n = 1\n  k = 2\nk = 3\n', { 'a.k': '3', 'a.x': null }],
]

testWith(t, 'ordinary files are answered without a single other program', shells, async t => {
  const folder = t.testdir(Object.fromEntries(ordinary.map(([, text], index) => [`${index}.cfg`, text])))
  // No Node, no awk, nothing.
  const nothing = `/usr/bin/env -i PATH=/nonexistent RUNNER_NODE=/nonexistent`
  const launcher = installLookup(join(folder, 'copy'))
  const ways = shells.map(({ name, path }) => ({
    name,
    shell: `${nothing} ${path}${name === 'busybox' ? ' sh' : ''}`,
    launcher,
  }))
  const questions = ordinary.flatMap(([, , answers], index) =>
    Object.keys(answers).flatMap(key => ways.map(way => ({ way, file: join(folder, `${index}.cfg`), key }))),
  )
  const answers = askShell(folder, questions)
  let at = 0
  for (const [title, , expected] of ordinary) {
    for (const [key, value] of Object.entries(expected)) {
      for (const way of ways) {
        const out = value === null ? '' : Buffer.from(`${value}\n`).toString('latin1')
        t.same(answers[at++], { out, status: 0 }, `${title}: ${key} (${way.name})`)
      }
    }
  }
})

testWith(t, 'long files, CRLF and byte order marks are answered by awk without Node', everything, async t => {
  const long = `[a]\n${Array.from({ length: 10_000 }, (_, line) => `key_${line} = ${line}\n  more`).join('\n')}\n`
  const folder = t.testdir({
    'long.cfg': long,
    'windows.cfg': '[a]\r\nb = 1\r\n  2\r\n\r\n  3\r\n',
    'bom.cfg': '\ufeff[a]\nb = 1\n  2\n\n  3\n',
    'blank.cfg': `[a]\nb = 1\n${'\n'.repeat(100_000)}  2\n`,
  })
  const ways = waysIn(folder).awks
  const questions = [
    ['long.cfg', 'a.key_9999'],
    ['windows.cfg', 'a.b'],
    ['bom.cfg', 'a.b'],
    ['blank.cfg', 'a.b'],
  ].flatMap(([name, key]) => ways.map(way => ({ way, file: join(folder, name!), key: key! })))
  t.equal(compare(folder, questions), 0)
  t.same(askNode(join(folder, 'windows.cfg'), 'a.b'), { out: '1\n2\n\n3\n', status: 0 })
})

testWith(t, 'what the shell is not sure of is left to the full program', everything, async t => {
  const folder = t.testdir({
    'return.cfg': '[a]\nb = 1\r[a]\rb = 2\r',
    'feed.cfg': '[a]\nb = 1\n\fc = 2\n',
    'lines.cfg': '[runner]\ninclude_dir =\n    conf.d\n',
    'missing.cfg': '[runner]\ninclude_dir = conf.d\n',
    'long-missing.cfg': `${'# why\n'.repeat(500)}[runner]\ninclude_dir = conf.d\n`,
    'quote.cfg': `${'# why\n'.repeat(500)}[runner]\ninclude_dir = it's\n`,
    "it's.cfg": `${'# why\n'.repeat(500)}[a]\nb = 1\n`,
  })
  const { all } = waysIn(folder)
  const names = ['return', 'feed', 'lines', 'missing', 'long-missing', 'quote', 'not-there', "it's"]
  const questions = names.flatMap(name =>
    all.map(way => ({ way, file: join(folder, `${name}.cfg`), key: 'a.b' })),
  )
  for (const [index, { status }] of askShell(folder, questions).entries()) {
    const { way, file } = questions[index]!
    const answered = file.endsWith("it's.cfg") && !way.name.startsWith('awk')
    t.equal(status, answered ? 0 : leftToNode, `${way.name}: ${file}`)
  }
})

testWith(t, 'the full program gets the environment as it was', shells, async t => {
  const folder = t.testdir({
    // Prints the environment with which the process was started, whatever its shell has changed since.
    node: '#!/bin/sh\nexec cat /proc/$$/environ\n',
    'odd.cfg': '[a]\nb = \f1\n',
    'long.cfg': `${'# why\n'.repeat(500)}[a]\nb = \f1\n`,
  })
  const launcher = installLookup(join(folder, 'copy'))
  copyFileSync(join(folder, 'node'), join(folder, 'copy/lib/node'))
  chmodSync(join(folder, 'copy/lib/node'), 0o755)
  const plain = { PATH: process.env.PATH!, PWD: folder, file: 'a', key: 'b', line: 'c', self: 'd', root: 'e' }
  for (const [shell, ...words] of shells.map(posixShell)) {
    for (const locale of [{}, { LC_ALL: 'C.UTF-8' }, { LC_ALL: '' }]) {
      for (const file of ['odd.cfg', 'long.cfg', 'none.cfg']) {
        const env = { ...plain, ...locale }
        const { stdout } = execaSync(shell!, [...words, launcher, '-c', file, '-g', 'a.b'], {
          cwd: folder,
          env,
          extendEnv: false,
        })
        const variables = stdout
          .split('\0')
          .filter(text => text !== '')
          .map(text => text.split(/=(.*)/s).slice(0, 2))
        // Variables that shells set by themselves.
        const own = /^(_|SHLVL|OLDPWD)$/
        const seen = Object.fromEntries(variables.filter(([name]) => !own.test(name!)))
        t.same(seen, env, `${shell}: ${file} ${JSON.stringify(locale)}`)
      }
    }
  }
})
