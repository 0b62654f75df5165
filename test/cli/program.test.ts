import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execaSync } from 'execa'
import t from 'tap'
import { commandGroups, commandOf, commands, otherCommands } from '../../src/cli/commands.ts'
import { programHelp } from '../../src/cli/help.ts'
import { topics } from '../../src/cli/topics.ts'

const cli = join(import.meta.dirname, '../../src/cli')
/** Files that define a command. */
const files = globSync('*/*.ts', { cwd: cli }).filter(file =>
  /^export const command\b/m.test(readFileSync(join(cli, file), 'utf8')),
)

/** Says on standard error which files a program loads. */
const hook = `
import { registerHooks } from 'node:module'
import { writeSync } from 'node:fs'
registerHooks({ load(url, context, next) { writeSync(2, 'loads ' + url + '\\n'); return next(url, context) } })`

/** The files of commands that a command line loads. */
function loadedBy(...argv: string[]): string[] {
  const { stderr } = execaSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, join(cli, 'main.ts'), ...argv],
    { env: { PATH: process.env.PATH }, extendEnv: false, stripFinalNewline: false, reject: false },
  )
  return files.filter(file => stderr.includes(`/src/cli/${file}\n`))
}

t.test('a command loads no other', t => {
  t.same(loadedBy('list', '/nonexistent'), ['chain/list.ts'])
  t.same(loadedBy('list', '--help'), ['chain/list.ts'])
  t.ok(loadedBy('help', 'list').includes('chain/list.ts'))
  t.same(loadedBy('runners', '--nonsense'), ['operator/node.ts'])
  t.same(loadedBy('tasks.d', '-n', '1', '-c', '/nonexistent'), ['chain/run.ts'])
  t.end()
})

t.test('help fits the smallest terminal, and every command stands in it', t => {
  const help = programHelp()
  const lines = help.trimEnd().split('\n')
  t.ok(lines.length <= 24, `${lines.length} lines`)
  for (const line of lines) t.ok(line.length <= 80, line)
  const grouped = [...Object.values(commandGroups).flat(), ...otherCommands]
  for (const [name, { hidden, summary }] of Object.entries(commands)) {
    t.equal(grouped.includes(name), !hidden, name)
    t.ok(summary.length <= 27, summary)
  }
  for (const [name, { text }] of Object.entries(topics)) {
    const rows = text.trimEnd().split('\n')
    t.ok(rows.length <= 24 && rows.every(row => row.length <= 80), `the introduction to ${name}`)
    for (const [, word] of text.matchAll(/runner ([a-z]+)/g))
      if (word !== 'is') t.ok(commandOf(word!) !== undefined, `runner ${word}`)
  }
  t.end()
})

t.test('a word that is neither a command nor a directory is not taken for either', t => {
  const said = (...argv: string[]) => {
    const { exitCode, stderr } = execaSync(process.execPath, [join(cli, 'main.ts'), ...argv], {
      reject: false,
    })
    return [exitCode, stderr]
  }
  t.same(said('stat'), [64, 'runner: there is no command stat, and no such directory; did you mean status?'])
  t.match(said('zzz'), [64, /^runner: there is no command zzz, .*`runner --help` lists the commands$/])
  t.match(said('fleet'), [64, /; `runner help fleet` is about a server, /])
  t.match(said(join(cli, 'main.ts')), [64, /and no such directory/], 'a file')
  t.match(said('a\nb'), [64, /no command "a\\nb", /])
  t.match(said('runner'), [64, /; did you mean node\?$/], 'an earlier name is not proposed')
  t.match(said('help', 'nothing'), [
    64,
    /^runner: there is no help for 'nothing'.*; `runner --help` lists them$/,
  ])
  t.match(said('help', 'services'), [64, /; server, attach, .* are its commands: `runner help server`$/])
  t.match(said('help', 'jbos'), [64, /; did you mean jobs\?$/])
  t.match(said('help', 'node', 'lst'), [64, /; did you mean list\?$/])
  t.same(said('node', 'build-3'), [
    64,
    'runner: node has no command build-3; `runner node --help` lists them',
  ])
  t.match(said('server', 'start'), [64, /^runner: server has no command start; `runner server --help` /])
  t.match(said('show'), [64, /^runner: missing .*'id'\nrunner: `runner show --help` shows what it takes$/])
  t.match(said('node', 'set'), [64, /\nrunner: `runner node set --help` shows what it takes$/])
  t.same(said('token', 'crate', '--json'), [
    64,
    'runner: token has no command crate; did you mean token create?',
  ])
  t.match(said('run', '--nonsense'), [64, /^runner: unknown option '--nonsense'/])
  t.end()
})
