/*
 * Builds the files of the page: bundled, with names that change with their contents, and compressed. The server serves
 * dist/web/; a program that runs from its sources builds them into a directory of its own.
 */
import { hash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { type BuildOptions, build, type Metafile } from 'esbuild'
import { packageRoot } from '../src/package-root.ts'

/** The limit for all files that the browser loads before it shows anything, compressed by gzip, in bytes. */
const budget = 60 * 1024

const root = join(packageRoot, 'src', 'web')

/** The options that all builds of the page share. */
const shared = {
  absWorkingDir: packageRoot,
  bundle: true,
  format: 'esm' as const,
  target: ['chrome123', 'firefox120', 'safari17.5'],
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  legalComments: 'none' as const,
  metafile: true as const,
} satisfies BuildOptions & { metafile: true }

/**
 * Builds index.html and assets/ in a directory; resolves, when they are there, to what went into them. Files for a release
 * are small, compressed, and held to the budget; others are readable, and the page loads itself anew after a change.
 */
export async function buildWeb(directory: string, { release = false } = {}): Promise<Metafile[]> {
  const assets = join(directory, 'assets')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(assets, { recursive: true })
  const picture = readFileSync(join(root, 'icon.svg'))
  const icon = `icon-${hash('sha256', picture).slice(0, 8)}.svg`
  writeFileSync(join(assets, icon), picture)
  const both = { ...shared, minify: release, outdir: assets }
  const worker = await build({ ...both, entryPoints: [join(root, 'live', 'worker.ts')] })
  const workerUrl = `/assets/${basename(Object.keys(worker.metafile.outputs)[0]!)}`
  const { metafile } = await build({
    ...both,
    splitting: true,
    entryPoints: [join(root, 'main.tsx'), join(root, 'style', 'page.css')],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    define: { workerUrl: JSON.stringify(workerUrl), isDevelopment: String(!release) },
  })
  const script = outputOf(metafile, 'src/web/main.tsx')
  const style = outputOf(metafile, 'src/web/style/page.css')
  const index = readFileSync(join(root, 'index.html'), 'utf8')
    .replace('%ICON%', `/assets/${icon}`)
    .replace('%STYLE%', `/assets/${basename(style)}`)
    .replace('%SCRIPT%', `/assets/${basename(script)}`)
  writeFileSync(join(directory, 'index.html'), index)
  if (release) {
    for (const file of [
      ...readdirSync(assets).map(name => join(assets, name)),
      join(directory, 'index.html'),
    ])
      compress(file)
    const first = [...loadedAtOnce(metafile, script), style].map(file => join(assets, `${basename(file)}.gz`))
    const bytes = first.reduce((sum, file) => sum + readFileSync(file).length, 0)
    if (bytes > budget)
      throw new Error(
        `the page loads ${bytes} bytes before it shows anything, more than its budget of ${budget}`,
      )
  }
  return [worker.metafile, metafile]
}

/** The file that an entry point has become. */
function outputOf({ outputs }: Metafile, entry: string): string {
  const found = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === entry)
  if (found === undefined) throw new Error(`nothing was made of ${entry}`)
  return found[0]
}

/** A script, and those that it imports before it runs. */
function loadedAtOnce({ outputs }: Metafile, script: string): Set<string> {
  const found = new Set([script])
  for (const file of found)
    for (const { path, kind } of outputs[file]?.imports ?? [])
      if (kind === 'import-statement') found.add(path)
  return found
}

function compress(file: string): void {
  const bytes = readFileSync(file)
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }))
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }))
}
