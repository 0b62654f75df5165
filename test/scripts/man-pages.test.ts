import { readFileSync } from 'node:fs'
import t from 'tap'
import { commandLine } from '../../scripts/command-line.ts'
import { groupPages } from '../../scripts/man-commands.ts'
import { commandGroups } from '../../src/cli/commands.ts'

t.test('every command stands on the page of its group, with each of its options in the synopsis', async t => {
  const line = await commandLine()
  const pages = Object.values(groupPages(line, '1'))
  t.equal(pages.length, Object.keys(commandGroups).length)
  for (const { name, options } of line.commands.filter(({ name }) => name !== 'completion')) {
    const page = pages.find(text => text.includes(`.SY "runner ${name}"\n`))
    t.match(page, new RegExp(`^\\.SS "runner ${name}[" ]`, 'm'), name)
    const [, synopsis = ''] = page?.split(`.SY "runner ${name}"\n`) ?? []
    const of = synopsis.split('\n.SY ')[0]!.split('\n.YS')[0]!
    for (const { short, long } of options) {
      const shown = `\\fB${(short ?? long).replaceAll('-', '\\-')}\\fR`
      t.ok(of.includes(shown) || of.includes('server options'), `${name} ${long}`)
    }
  }
})

t.test('npm installs each page', t => {
  const { man } = JSON.parse(readFileSync('package.json', 'utf8')) as { man: string[] }
  for (const file of man) t.match(readFileSync(file, 'utf8'), /^\.TH /m, file)
  for (const title of Object.keys(commandGroups))
    t.ok(man.includes(`man/runner-${title.split(' ')[0]!.toLowerCase()}.1`), title)
  t.end()
})
