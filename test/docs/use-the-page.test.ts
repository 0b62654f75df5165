import { readFileSync } from 'node:fs'
import t from 'tap'

t.test('the page about the page has a line for each part of the menu', async t => {
  const titles = Array.from(
    readFileSync('src/web/routes.tsx', 'utf8').matchAll(/\{ path: '[^']+', title: '([^']+)'/g),
    ([, title]) => title!,
  )
  t.ok(titles.includes('Overview'))
  const [, table] = readFileSync('docs/how-to/use-the-page.md', 'utf8').split('| part | what it shows |')
  const named = Array.from(table!.split('\n\n')[0]!.matchAll(/^\| ([^|]+) \|/gm), ([, names]) =>
    names!.split(', '),
  ).flat()
  t.same(
    titles.filter(title => !named.includes(title)),
    [],
  )
})
