import { globSync, readFileSync } from 'node:fs'
import t from 'tap'

const files = ['src', 'test', 'scripts', 'bin', 'bench'].flatMap(folder => globSync(`${folder}/**/*.{ts,sh}`))
const isThere = (name: string) => files.some(file => file === name || file.endsWith(`/${name}`))

t.test('each source that a document names is there', async t => {
  const documents = [
    'README.md',
    'CONTRIBUTING.md',
    ...globSync('docs/{,explanation/,how-to/,reference/,tutorials/}*.md'),
  ]
  for (const document of documents)
    for (const [, name] of readFileSync(document, 'utf8').matchAll(/`([\w./-]+\.(?:ts))`/g))
      t.ok(isThere(name!), `${document}: ${name}`)
})

t.test('each source that a comment names is there', async t => {
  for (const file of globSync('{src,scripts}/**/*.ts'))
    for (const [comment] of readFileSync(file, 'utf8').matchAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/ .*/g))
      for (const [, name] of comment.matchAll(/(?<![\w.*/-])([a-z][\w/-]*\.ts)\b/g))
        t.ok(isThere(name!), `${file}: ${name}`)
})
