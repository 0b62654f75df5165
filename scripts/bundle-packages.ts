/*
 * Bundles the packages that tests import into one file each below `.tap/`, for a whole tier: to find, read and link the
 * hundreds of files of tap, typebox and execa costs a file of tests more than its tests do, once for each of them.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'

const packages = ['ajv', 'execa', 'fast-check', 'tap', 'typebox']

/** tap leaves frames of files in such a folder out of the places of failures. */
const folder = resolve('.tap/bundles/node_modules/@tapjs')

/**
 * tap loads all of its plugins: of these no test uses anything, and the one for TypeScript starts a compiler. Tests come
 * as they are, for Node.js strips the types.
 */
const unused = [
  'after-each',
  'before',
  'before-each',
  'chdir',
  'filter',
  'intercept',
  'mock',
  'node-serialize',
  'snapshot',
  'stdin',
  'typescript',
  'worker',
]
const fewerPlugins: Plugin = {
  name: 'fewer-plugins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^@tapjs/(${unused.join('|')})$`) }, ({ path, importer }) =>
      importer.includes('/test-built/') ? { path, namespace: 'unused' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents: 'export const plugin = () => ({})' }))
  },
}

/** The names that a package exports: a bundle of CommonJS exports none by itself. */
async function entry(name: string): Promise<string> {
  const names = Object.keys(await import(name)).filter(key => key !== 'module.exports')
  return `export { ${names.join(', ')} } from '${name}'`
}

/** Writes the bundles; with the module that it names, given to Node.js by `--import`, imports find them. */
export async function bundlePackages(): Promise<string> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const urls = await Promise.all(
    packages.map(async name => {
      const outfile = join(folder, `${name}.js`)
      await build({
        stdin: { contents: await entry(name), resolveDir: resolve('.') },
        outfile,
        bundle: true,
        format: 'esm',
        platform: 'node',
        target: 'node24',
        banner: {
          js: `import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url)`,
        },
        plugins: [fewerPlugins],
      })
      return [name, pathToFileURL(outfile).href]
    }),
  )
  const hook = join(folder, 'hook.js')
  // The packages that a CommonJS package requires are found as before.
  writeFileSync(
    hook,
    `import { registerHooks } from 'node:module'
const bundles = new Map(${JSON.stringify(urls)})
registerHooks({
  resolve(name, context, next) {
    const url = context.conditions.includes('import') ? bundles.get(name) : undefined
    return url === undefined ? next(name, context) : { url, format: 'module', shortCircuit: true }
  },
})
`,
  )
  return hook
}
