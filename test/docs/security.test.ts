import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'

t.test('each promise of docs/explanation/security.md names a test that is there', async t => {
  const text = readFileSync('docs/explanation/security.md', 'utf8')
  const promised = text.slice(text.indexOf('## What is promised'), text.indexOf('## What is not promised'))
  const rows = promised.split('\n').filter(line => /^\| (?!promise|---)/.test(line))
  t.ok(rows.length > 20, 'the promises are found')
  for (const row of rows) {
    const [, file = '', title] = row.match(/\| (test\/\S+\.test\.ts)(?: "(.*)")? \|$/) ?? []
    if (!t.ok(existsSync(file), `a test is named: ${row}`) || title === undefined) continue
    // As it may be quoted there.
    t.ok(readFileSync(file, 'utf8').replaceAll("\\'", "'").includes(title), `${file} has "${title}"`)
  }
})
