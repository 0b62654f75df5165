import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { parseIni } from '../../src/config/ini.ts'
import { iniBytes, includedName } from '../support/ini-files.ts'
import { aliasFolder, askNode, askShell, installLookup, leftToNode, type Way } from '../support/look-ups.ts'
import { program, testWith } from '../support/require.ts'

const dash = program('dash')
const bash = program('bash')
const busybox = program('busybox')
const awks = ['mawk', 'gawk', 'original-awk'].map(program)

/** Every shell reading by itself as much as it can, and every awk. */
function waysIn(folder: string): Way[] {
  const loop = installLookup(join(folder, 'loop'), 1_000_000_000)
  const awk = installLookup(join(folder, 'awk'), 0)
  const sh = join(aliasFolder(join(folder, 'bash'), 'sh', bash.path), 'sh')
  return [
    { name: 'dash', shell: dash.path, launcher: loop },
    { name: 'bash', shell: sh, launcher: loop },
    { name: 'busybox', shell: `${busybox.path} sh`, launcher: loop },
    ...[...awks, busybox].map(({ path }, index) => ({
      name: `awk: ${path}`,
      shell: dash.path,
      launcher: awk,
      path: aliasFolder(join(folder, `awk-${index}`), 'awk', path),
    })),
  ]
}

/** Some keys that are there, and some that are not. */
function keysOf(bytes: Uint8Array): string[] {
  const { entries } = parseIni(bytes, 'file')
  const there = entries.filter(({ section }) => !section.includes('.')).map(({ section, key }) => `${section}.${key}`)
  return [...new Set([...there.toReversed().slice(0, 3), 'a.b', 'runner.a', 'a.[', 'a.include_dir', '*.?'])].slice(0, 5)
}

const everything = [dash, bash, busybox, ...awks]

for (const odd of [false, true]) {
  const title = odd ? 'files with odd characters' : 'files without odd characters'
  testWith(t, `${title}: every shell and every awk say what the full program says`, everything, async t => {
    const folder = t.testdir()
    const ways = waysIn(folder)
    const file = join(folder, 'runner.cfg')
    let left = 0
    fc.assert(
      fc.property(iniBytes({ odd }), bytes => {
        writeFileSync(file, bytes)
        const questions = keysOf(bytes).flatMap(key => ways.map(way => ({ way, file, key })))
        for (const [index, answer] of askShell(folder, questions).entries()) {
          const { way, key } = questions[index]!
          if (answer.status === leftToNode) left++
          else {
            const { out, status } = askNode(file, key)
            if (answer.out !== out || answer.status !== status)
              throw new Error(`${way.name} says ${JSON.stringify(answer)} of ${key}, not ${JSON.stringify(out)}`)
          }
        }
      }),
      { numRuns: 60 },
    )
    if (!odd) t.equal(left, 0, 'none is left to Node')
  })
}
