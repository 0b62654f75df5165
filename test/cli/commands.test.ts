import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { commandLine } from '../../scripts/command-line.ts'
import { commands } from '../../src/cli/commands.ts'

const cli = join(import.meta.dirname, '../../src/cli')

t.test('every file that defines a command is in the list', t => {
  const list = readFileSync(join(cli, 'commands.ts'), 'utf8')
  const files = globSync('*/*.ts', { cwd: cli }).filter(file =>
    /^export const command\b/m.test(readFileSync(join(cli, file), 'utf8')),
  )
  for (const file of files) t.ok(list.includes(`import('./${file}')`), file)
  t.equal(files.length, Object.keys(commands).length, 'and the list has no other')
  t.end()
})

t.test('every command says what it does, and has examples of itself', async t => {
  const all = (await commandLine()).commands
  for (const { name, description, after } of all) {
    t.not(description, '', name)
    t.match(after, 'Examples:\n', name)
  }
  t.ok(all.length > Object.keys(commands).length, 'those of groups too')
})
