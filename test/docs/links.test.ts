/* Every link, anchor and path of a document that the repository names leads somewhere. */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'

const documents = globSync('{*,docs/**/*,test/**/*,bench/*}.md').sort()
const textOf = (file: string): string => readFileSync(file, 'utf8')

/** A document without its blocks of code, because brackets in these are not links. */
function prose(file: string): string {
  return textOf(file).replaceAll(/^( *)```.*\n[\s\S]*?^\1```$/gm, '')
}

/** The anchors of a document, as GitHub makes them of its headings. */
function anchors(file: string): Set<string> {
  const found = new Set<string>()
  for (const [, heading] of prose(file).matchAll(/^#{1,6} (.+)$/gm)) {
    const text = heading!.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const slug = text.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-')
    let name = slug
    for (let copy = 1; found.has(name); copy++) name = `${slug}-${copy}`
    found.add(name)
  }
  return found
}

t.test('each link between documents leads to a file that is there, and to a heading of it', async t => {
  let links = 0
  for (const file of documents)
    for (const [, target] of prose(file)
      .replaceAll(/`[^`\n]*`/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue
      links++
      const [path, anchor] = target!.split('#')
      const other = path === '' ? file : normalize(join(dirname(file), path!))
      if (!existsSync(other)) t.fail(`${file}: ${target} is not there`)
      else if (anchor !== undefined && !anchors(other).has(anchor))
        t.fail(`${file}: no heading has #${anchor}`)
    }
  t.ok(links > 100, 'the links are found')
})

t.test('each path of a document in sources, messages, units and pages is there', async t => {
  const files = globSync([
    '*.{md,cfg,json}',
    '.ci/*',
    '{bench,bin,completions,man,systemd,tasks.d}/*',
    'debian/**/*',
    'docs/**/*.md',
    '{deploy,scripts,src,test}/**/*.{ts,sh,md,json,service,yml}',
  ])
  let paths = 0
  for (const file of files) {
    if (!statSync(file).isFile()) continue
    for (const [path] of textOf(file).matchAll(/(?<![\w./}-])docs\/[\w./-]*\w\b/g)) {
      paths++
      if (!existsSync(path)) t.fail(`${file} names ${path}`)
    }
  }
  t.ok(paths > 30, 'the paths are found')
})

t.test('each page is in the index of the documents', async t => {
  const index = textOf('docs/README.md')
  for (const page of globSync('docs/{,explanation/,how-to/,reference/,tutorials/}*.md'))
    if (page !== 'docs/README.md') t.match(index, `](${page.slice('docs/'.length)})`)
})
