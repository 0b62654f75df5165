/*
 * Builds dist/: the program bundled and split so that a command loads only what it needs, ajv's schemas compiled
 * to code, and the shell look-up beside it.
 */
import { copyFileSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import standalone from 'ajv/dist/standalone/index.js'
import { analyzeMetafile, build, type Plugin } from 'esbuild'
import { envSchema, runnerSchema, serverSchema, taskSchema } from '../src/config/schema.ts'

/** CommonJS; its types say otherwise. */
const compile = standalone as unknown as (ajv: Ajv, names: object) => string

/** Replaces the compiler in src/config/validate.ts by what it compiles to. */
const compiledSchemas: Plugin = {
  name: 'compiled-schemas',
  setup({ onLoad }) {
    onLoad({ filter: /src\/config\/validate\.ts$/ }, ({ path }) => {
      const ajv = new Ajv({ allErrors: true, code: { source: true, esm: true } })
      for (const schema of [runnerSchema, taskSchema, envSchema, serverSchema]) ajv.addSchema(schema)
      const names = {
        runner: runnerSchema.$id,
        task: taskSchema.$id,
        env: envSchema.$id,
        server: serverSchema.$id,
      }
      const code = compile(ajv, names)
      const source = readFileSync(path, 'utf8')
      const replaced = source
        .replace(/^import .* from '(ajv|\.\/schema\.ts)'$/gm, '')
        .replace(/^const ajv = [\s\S]*?^}$/m, 'const validators = { runner, task, env, server }')
      if (replaced.includes('Ajv'))
        throw new Error('src/config/validate.ts has changed: mend scripts/build.ts')
      return { contents: `${code.replace(/^export const /gm, 'const ')}\n${replaced}`, loader: 'ts' }
    })
  },
}

/** Each command is a bundle of its own, which main.js loads when it is asked for. */
const commands: Plugin = {
  name: 'commands',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/.*\.ts$/ }, ({ kind, path }) =>
      kind === 'dynamic-import' && !path.includes('/report/')
        ? { path: path.replace(/\.ts$/, '.js'), external: true }
        : undefined,
    )
  },
}

/** commander loads child_process for subcommands that are programs of their own, of which we have none: 4 ms. */
const noSubprograms: Plugin = {
  name: 'no-subprograms',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/commander/') ? { path: 'none', namespace: 'none' } : undefined,
    )
    onLoad({ filter: /^none$/, namespace: 'none' }, () => ({ contents: 'module.exports = {}' }))
  },
}

rmSync('dist', { recursive: true, force: true })
// CommonJS, because an ES module pays for a facade of each module of Node's that it imports: a third of a start.
const { metafile } = await build({
  metafile: true,
  entryPoints: [
    'main',
    'run',
    'check',
    'list',
    'get',
    'status',
    'history',
    'logs',
    'explain',
    'graph',
    'server',
    'server-backup',
    'operator',
  ].map(name => `src/cli/${name}.ts`),
  outdir: 'dist',
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node24',
  supported: { 'dynamic-import': false },
  define: { 'import.meta.dirname': '__dirname', 'import.meta.main': 'true' },
  minify: true,
  plugins: [compiledSchemas, commands, noSubprograms],
})
writeFileSync('dist/package.json', '{ "type": "commonjs" }\n')
copyFileSync('src/config/lookup.sh', 'dist/lookup.sh')
writeFileSync('dist/THIRD-PARTY-LICENSES', licences(Object.keys(metafile.inputs)))

if (process.argv.includes('--analyze')) console.log(await analyzeMetafile(metafile))

/** The licences of all packages of which something is in the bundles. */
function licences(inputs: readonly string[]): string {
  const packages = new Set(
    inputs.flatMap(input => input.match(/(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? []),
  )
  const texts = [...packages].sort().map(name => {
    const [file] = globSync(`node_modules/${name}/{LICENSE,LICENCE,license}*`)
    if (file === undefined) return `${name}\n\n${statement(name)}\n`
    return `${name}\n\n${readFileSync(file, 'utf8').trim()}\n`
  })
  return texts.join(`\n${'-'.repeat(78)}\n\n`)
}

/** What a package without a licence file says of its licence. */
function statement(name: string): string {
  const { license, author, homepage } = JSON.parse(
    readFileSync(`node_modules/${name}/package.json`, 'utf8'),
  ) as { license?: string; author?: string | { name: string }; homepage?: string }
  if (license === undefined) throw new Error(`${name} says nothing of its licence`)
  const by = typeof author === 'object' ? author.name : author
  return [`Licence: ${license}`, ...(by ? [`Author: ${by}`] : []), ...(homepage ? [homepage] : [])].join('\n')
}
