/*
 * Writes the generated parts of the documentation, between `<!-- name -->` and `<!-- end -->`: the tables of
 * keys in docs/configuration.md, from the schema that validates them. `--check` only says whether they are
 * up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { type Key, kindOf, kindTexts } from '../src/config/kinds.ts'
import { executorKeys, remoteKeys, runnerKeys, serverKeys, taskKeys } from '../src/config/schema.ts'
import { statsSchema } from '../src/hooks/stats.ts'

function table(keys: Record<string, Key>): string {
  const rows = Object.entries(keys).map(([name, key]) => {
    return `| \`${name}\` | ${kindTexts[kindOf(key)]} | ${key.default ?? ''} | ${key.description} |`
  })
  return ['| key | value | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

const json = (value: unknown) => `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``

const parts: Record<string, Record<string, string>> = {
  'docs/configuration.md': {
    'keys of [runner]': table(runnerKeys),
    'keys of a task': table(taskKeys),
    'keys of [server]': table(serverKeys),
    'keys of [remote]': table(remoteKeys),
    'keys of [executor]': table(executorKeys),
  },
  'docs/hooks.md': { 'schema of the stats': json(statsSchema) },
}

for (const [file, texts] of Object.entries(parts)) {
  const before = readFileSync(file, 'utf8')
  let after = before
  for (const [name, text] of Object.entries(texts)) {
    const [start, end] = [`<!-- ${name} -->\n`, '\n<!-- end -->']
    const from = after.indexOf(start)
    const to = after.indexOf(end, from)
    if (from === -1 || to === -1) throw new Error(`${file} has no part <!-- ${name} --> … <!-- end -->`)
    after = after.slice(0, from + start.length) + text + after.slice(to)
  }
  if (before === after) continue
  if (process.argv.includes('--check')) {
    console.error(`${file} is not up to date: npm run format`)
    process.exitCode = 1
  } else writeFileSync(file, after)
}
