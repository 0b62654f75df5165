import { readFileSync } from 'node:fs'
import t from 'tap'
import { checkValues } from '../../../src/config/check-section.ts'
import type { Keys } from '../../../src/config/key.ts'
import { textsInForce } from '../../../src/config/section.ts'
import { families, sections } from '../../../src/config/sections/all.ts'
import { task } from '../../../src/config/sections/task.ts'

const tables: [string, Keys][] = Object.entries({ ...sections, ...families, task }).map(
  ([name, { keys }]) => [name, keys],
)

t.test('the default of each key is right by its own schema and rules', async t => {
  for (const [name, keys] of tables)
    t.same(checkValues(name, keys, textsInForce(keys, new Map(), {})).findings, [], name)
})

t.test('each key has a description', async t => {
  for (const [name, keys] of tables)
    for (const [key, { description }] of Object.entries(keys)) t.match(description, /\.$/, `${name}.${key}`)
})

t.test('each section has a chapter in the documentation', async t => {
  const text = readFileSync('docs/reference/configuration.md', 'utf8')
  for (const name of [...Object.keys(sections), 'notify.NAME']) t.match(text, `\n## [${name}]\n`)
})
