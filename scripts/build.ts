/*
 * Builds dist/: the program bundled and split so that a command loads only what it needs, ajv's schemas compiled
 * to code, and the shell look-up beside it.
 */
import { copyFileSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Ajv } from 'ajv'
import standalone from 'ajv/dist/standalone/index.js'
import { analyzeMetafile, build, type Plugin } from 'esbuild'
import {
  envSchema,
  executorSchema,
  remoteSchema,
  runnerSchema,
  serverSchema,
  taskSchema,
} from '../src/config/schema.ts'
import { runnerCalls, shapesOf } from '../src/protocol/answer-shapes.ts'
import { api, type Call, type CallName } from '../src/protocol/api.ts'

/** CommonJS; its types say otherwise. */
const compile = standalone as unknown as (ajv: Ajv, names: object) => string

/** Replaces the compiler in src/config/validate.ts by what it compiles to. */
const compiledSchemas: Plugin = {
  name: 'compiled-schemas',
  setup({ onLoad }) {
    onLoad({ filter: /src\/config\/validate\.ts$/ }, ({ path }) => {
      const ajv = new Ajv({ allErrors: true, code: { source: true, esm: true } })
      for (const schema of [runnerSchema, taskSchema, envSchema, serverSchema, remoteSchema, executorSchema])
        ajv.addSchema(schema)
      const names = {
        runner: runnerSchema.$id,
        task: taskSchema.$id,
        env: envSchema.$id,
        server: serverSchema.$id,
        remote: remoteSchema.$id,
        executor: executorSchema.$id,
      }
      const code = compile(ajv, names)
      const source = readFileSync(path, 'utf8')
      const replaced = source
        .replace(/^import .* from '(ajv|\.\/schema\.ts)'$/gm, '')
        .replace(
          /^const ajv = [\s\S]*?^}$/m,
          'const validators = { runner, task, env, server, remote, executor }',
        )
      if (replaced.includes('Ajv'))
        throw new Error('src/config/validate.ts has changed: mend scripts/build.ts')
      return { contents: `${code.replace(/^export const /gm, 'const ')}\n${replaced}`, loader: 'ts' }
    })
  },
}

/**
 * Replaces src/protocol/answer-validators.ts by what its schemas compile to, for these calls alone: the client needs neither
 * them nor ajv.
 */
const compiledAnswers = (names: readonly CallName[]): Plugin => ({
  name: 'compiled-answers',
  setup({ onLoad }) {
    onLoad({ filter: /src\/protocol\/answer-validators\.ts$/ }, () => {
      const { shapes, schemas } = shapesOf(names)
      const ajv = new Ajv({ code: { source: true, esm: true } })
      // Many answers are the same.
      const texts = [...new Set(Object.values(schemas).map(schema => JSON.stringify(schema)))]
      for (const [index, text] of texts.entries()) ajv.addSchema(JSON.parse(text), `schema${index}`)
      const code = compile(
        ajv,
        Object.fromEntries(texts.map((_, index) => [`judge${index}`, `schema${index}`])),
      )
      const table = Object.entries(schemas).map(
        ([name, schema]) => `${JSON.stringify(name)}: judge${texts.indexOf(JSON.stringify(schema))}`,
      )
      const contents = `
        ${code.replace(/^export const /gm, 'const ')}
        const validators = { ${table.join(', ')} }
        export const validatorOf = name => validators[name]
        export const shapes = ${JSON.stringify(shapes)}`
      return { contents, loader: 'js', resolveDir: resolve('.') }
    })
  },
})

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

/**
 * Executors share files with this host, so its engine is never reached over ssh, and nothing is built with it: without
 * ssh2, gRPC, protobuf and what packs a context, Node's zlib too, a runner that waits is smaller by a third.
 */
const localEngine: Plugin = {
  name: 'local-engine',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/(ssh|session|buildkit)$/ }, ({ importer }) =>
      /\/(dockerode|docker-modem)\//.test(importer) ? { path: 'none', namespace: 'no-engine' } : undefined,
    )
    onResolve({ filter: /^(zlib|tar-fs|@balena\/dockerignore)$/ }, ({ importer }) =>
      importer.includes('/dockerode/') ? { path: 'none', namespace: 'no-engine' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'no-engine' }, () => ({ contents: 'module.exports = {}' }))
  },
}

/** Of undici the client takes one call, and its proxies another; loading the rest costs a start 30 ms. */
const lightUndici: Plugin = {
  name: 'light-undici',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'light-undici' }))
    // 20 ms, and the client speaks HTTP/1.1 alone. undici goes on where a Node.js has none.
    onResolve({ filter: /^node:http2$/ }, ({ importer }) =>
      importer.includes('/undici/') ? { path: 'http2', namespace: 'no-http2' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'no-http2' }, () => ({ contents: 'exports.constants = {}' }))
    onLoad({ filter: /.*/, namespace: 'light-undici' }, () => ({
      contents: `
        const Dispatcher = require('undici/lib/dispatcher/dispatcher.js')
        Dispatcher.prototype.request = require('undici/lib/api/api-request.js')
        Dispatcher.prototype.connect = require('undici/lib/api/api-connect.js')
        exports.Agent = require('undici/lib/dispatcher/agent.js')
        Object.defineProperty(exports, 'ProxyAgent', { get: () => require('undici/lib/dispatcher/proxy-agent.js') })
        Object.defineProperty(exports, 'EnvHttpProxyAgent', {
          get: () => require('undici/lib/dispatcher/env-http-proxy-agent.js'),
        })`,
      resolveDir: resolve('.'),
    }))
  },
}

/** The client needs no schemas, which are slow to build: method, path and kinds of answers will do. */
const plainCalls: Plugin = {
  name: 'plain-calls',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/api\.ts$/ }, ({ importer }) =>
      importer.endsWith('/src/protocol/client.ts') ? { path: 'api', namespace: 'plain-calls' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'plain-calls' }, () => {
      const calls = (Object.entries(api) as [string, Call][]).map(
        ([name, { method, path, bodyType, answers }]) => [
          name,
          {
            method,
            path,
            bodyType,
            answers: Object.fromEntries(Object.keys(answers).map(status => [status, null])),
          },
        ],
      )
      return { contents: `export const api = ${JSON.stringify(Object.fromEntries(calls))}` }
    })
  },
}

/** Makes bundles of commands, which judge the answers to these calls. CommonJS, because an ES module pays for a facade of
 * each module of Node's that it imports: a third of a start. */
const bundle = (names: readonly string[], answersTo: readonly CallName[]) =>
  build({
    metafile: true,
    entryPoints: names.map(name => `src/cli/${name}.ts`),
    outdir: 'dist',
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    supported: { 'dynamic-import': false },
    define: { 'import.meta.dirname': '__dirname', 'import.meta.main': 'true' },
    minify: true,
    plugins: [
      compiledSchemas,
      compiledAnswers(answersTo),
      ...[commands, noSubprograms, lightUndici, localEngine, plainCalls],
    ],
  })

const ofOperators = (Object.keys(api) as CallName[]).filter(name => !runnerCalls.includes(name))
const ofHosts = ['main', 'run', 'check', 'list', 'get', 'status', 'history', 'logs', 'explain', 'graph']

rmSync('dist', { recursive: true, force: true })
const bundles = await Promise.all([
  bundle([...ofHosts, 'server', 'server-backup', 'operator'], ofOperators),
  bundle(['plugin-run', 'attach', 'drain', 'doctor'], [...runnerCalls, 'health']),
])
writeFileSync('dist/package.json', '{ "type": "commonjs" }\n')
copyFileSync('src/config/lookup.sh', 'dist/lookup.sh')
copyFileSync('src/remote/executors/supervisor.sh', 'dist/supervisor.sh')
writeFileSync(
  'dist/THIRD-PARTY-LICENSES',
  licences(bundles.flatMap(({ metafile }) => Object.keys(metafile.inputs))),
)

if (process.argv.includes('--analyze'))
  for (const { metafile } of bundles) console.log(await analyzeMetafile(metafile))

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
