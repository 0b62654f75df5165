import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { PageFiles, readPage } from '../../../src/server/browser/files.ts'

t.test('files are known by their paths, with what they are compressed to', async t => {
  const directory = t.testdir({
    'index.html': 'page',
    'index.html.br': 'br',
    'icon.svg': '<svg/>',
    secret: 'no',
    assets: { 'a-1.js': 'script', 'a-1.js.gz': 'gz', 'b.bin': 'x', 'lone.gz': 'z', deeper: { 'c.js': 'c' } },
  })
  const files = await readPage(directory)
  t.same([...files.keys()].toSorted(), [
    '/assets/a-1.js',
    '/assets/b.bin',
    '/assets/lone.gz',
    '/icon.svg',
    '/index.html',
    '/secret',
  ])
  const index = files.get('/index.html')!
  t.same(
    [index.type, index.immutable, [...index.compressed.keys()]],
    ['text/html; charset=utf-8', false, ['br']],
  )
  const script = files.get('/assets/a-1.js')!
  t.same([script.type, script.immutable], ['text/javascript; charset=utf-8', true])
  t.equal(script.compressed.get('gzip')?.toString(), 'gz')
  t.equal(files.get('/assets/b.bin')?.type, 'application/octet-stream')
})

t.test('built files are read once', async t => {
  const built = t.testdir({ 'index.html': 'one', assets: {} })
  const page = new PageFiles({ built, root: '/nowhere' })
  const first = await page.files()
  writeFileSync(join(built, 'index.html'), 'two')
  const second = await page.files()
  t.ok(first.ok && second.ok && first.value === second.value)
})

t.test(
  'from the sources they are built when they are asked for, and again when a source has changed',
  async t => {
    const root = t.testdir({
      src: { web: { 'main.ts': '1' } },
      scripts: {
        'web.ts': `
        import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
        export async function buildWeb(out) {
          const text = readFileSync(new URL('../src/web/main.ts', import.meta.url), 'utf8')
          if (text === 'broken') throw new Error('main.ts has a mistake')
          mkdirSync(out + '/assets')
          writeFileSync(out + '/index.html', text)
        }`,
      },
    })
    const page = new PageFiles({ built: join(root, 'none'), root })
    const text = async () => {
      const files = await page.files()
      return files.ok ? files.value.get('/index.html')!.bytes.toString() : files.failure
    }
    t.equal(await text(), '1')
    writeFileSync(join(root, 'src', 'web', 'main.ts'), 'broken')
    t.match(await text(), /main.ts has a mistake; .*npm run build/)
    mkdirSync(join(root, 'src', 'web', 'more'))
    writeFileSync(join(root, 'src', 'web', 'main.ts'), '3')
    t.equal(await text(), '3', 'a build that has failed is tried again')
  },
)

t.test('an installation without the page says so', async t => {
  const page = new PageFiles({ built: '/nowhere/web', root: '/nowhere' })
  t.match(await page.files(), { ok: false, failure: /install it again/ })
})
