/*
 * Writes the generated parts of the documentation, between `<!-- name -->` and `<!-- end -->`: the tables of
 * keys in docs/reference/configuration.md, from the tables that validate them, and the list of how-to pages. `--check`
 * only says whether they are up to date.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import type { Keys } from '../src/config/key.ts'
import { families, sections } from '../src/config/sections/all.ts'
import { task } from '../src/config/sections/task.ts'
import { statsSchema } from '../src/hooks/stats.ts'

function table(keys: Keys): string {
  const rows = Object.entries(keys).map(([name, { form, preset, description }]) => {
    return `| \`${name}\` | ${form} | ${typeof preset === 'string' ? preset : ''} | ${description} |`
  })
  return ['| key | value | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

const tables = Object.entries(sections)
  .filter(([, { open }]) => !open)
  .map(([name, { keys }]) => [`keys of [${name}]`, table(keys)] as const)
const many = Object.entries(families).map(
  ([name, { keys }]) => [`keys of [${name}.NAME]`, table(keys)] as const,
)

const json = (value: unknown) => `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``

/** A link to each page, by its title. */
const howTo = globSync('docs/how-to/*.md')
  .map(file => [readFileSync(file, 'utf8').match(/^# (.+)/)![1]!, file.slice('docs/'.length)] as const)
  .sort(([one], [other]) => (one < other ? -1 : 1))
  .map(([title, file]) => `- [${title}](${file})`)
  .join('\n')

const parts: Record<string, Record<string, string>> = {
  'docs/reference/configuration.md': {
    ...Object.fromEntries([...tables, ...many]),
    'keys of a task': table(task.keys),
  },
  'docs/README.md': { 'how-to pages': howTo },
  'docs/reference/hooks.md': { 'schema of the stats': json(statsSchema) },
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
