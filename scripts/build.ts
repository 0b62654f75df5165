/*
 * Builds dist/: the program bundled and split so that a command loads only what it needs, ajv's schemas compiled
 * to code, and beside it the shell look-up and the page.
 */
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { Ajv } from 'ajv'
import standalone from 'ajv/dist/standalone/index.js'
import { analyzeMetafile, type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'
import { schemas } from '../src/config/sections/all.ts'
import { type CallName, callNames, specOf } from '../src/protocol/api.ts'
import { runnerCallNames, shapesOf } from '../src/protocol/client/answer-shapes.ts'
import { licencesOf, packagesOf } from './bundled-packages.ts'
import { sbomOf } from './sbom.ts'
import { buildWeb } from './web.ts'

const { default: compile } = standalone

/** Replaces src/config/validators.ts by what the schemas of all sections compile to. */
const compiledSections: Plugin = {
  name: 'compiled-sections',
  setup({ onLoad }) {
    onLoad({ filter: /src\/config\/validators\.ts$/ }, () => {
      const ajv = new Ajv({ allErrors: true, code: { source: true, esm: true } })
      const names = Object.keys(schemas())
      for (const [name, schema] of Object.entries(schemas())) ajv.addSchema(schema, name)
      const code = compile(ajv, Object.fromEntries(names.map(name => [`validate_${name}`, name])))
      const table = names.map(name => `${name}: validate_${name}`)
      const contents = `
        ${code.replace(/^export const /gm, 'const ')}
        export const validators = { ${table.join(', ')} }`
      return { contents, loader: 'js' }
    })
  },
}

/**
 * Replaces src/protocol/client/answer-validators.ts by its compiled schemas, for these calls alone: the client needs
 * neither the schemas nor ajv.
 */
const compiledAnswers = (names: readonly CallName[]): Plugin => ({
  name: 'compiled-answers',
  setup({ onLoad }) {
    onLoad({ filter: /src\/protocol\/client\/answer-validators\.ts$/ }, () => {
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

const commandLine = resolve('src/cli')
/** The room of a file below src/cli: `chain`, `host`, `operator`, `server`. */
const roomOf = (file: string) => dirname(relative(commandLine, file))
/** The bundle of a file: all lie side by side, so that each finds the files beside the program. */
const bundleName = (file: string) => relative(commandLine, file).replace(/\.ts$/, '').replaceAll('/', '-')

/** The files that get a bundle of their own: the program, and all that the bundles before load when it is asked for. */
const loaded = new Set([resolve('src/cli/main.ts')])
/** The commands to a server, in one bundle: they share the client. */
const operators = new Set<string>()

/** Has each command loaded from its bundle. */
const commandBundles: Plugin = {
  name: 'command-bundles',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\..*\.ts$/ }, ({ kind, path, resolveDir }) => {
      const file = resolve(resolveDir, path)
      if (kind !== 'dynamic-import' || !file.startsWith(`${commandLine}/`)) return undefined
      if (roomOf(file) === 'operator') {
        operators.add(file)
        return { path: file, namespace: 'operator' }
      }
      loaded.add(file)
      return { path: `./${bundleName(file)}.js`, external: true }
    })
    onResolve({ filter: /^\.\/operator\.js$/, namespace: 'operator' }, ({ path }) => ({
      path,
      external: true,
    }))
    onLoad({ filter: /.*/, namespace: 'operator' }, ({ path }) => ({
      contents: `module.exports = require('./operator.js')[${JSON.stringify(bundleName(path))}]`,
    }))
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
 * ssh2, gRPC, protobuf, the packing of build contexts and Node's zlib, an idle runner is smaller by a third.
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

/** The client uses one call of undici, and its proxies another; loading the rest costs a start 30 ms. */
const lightUndici: Plugin = {
  name: 'light-undici',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'light-undici' }))
    // 20 ms, and the client speaks HTTP/1.1 alone. undici works without node:http2.
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
    onResolve({ filter: /^\.\.\/api\.ts$/ }, ({ importer }) =>
      importer.endsWith('/src/protocol/client/client.ts')
        ? { path: 'api', namespace: 'plain-calls' }
        : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'plain-calls' }, () => {
      const calls = callNames.map(name => {
        const { method, path, bodyType, answers } = specOf(name)
        const statuses = Object.keys(answers).map(status => [status, null])
        return [name, { method, path, bodyType, answers: Object.fromEntries(statuses) }]
      })
      return {
        contents: `
          export const api = ${JSON.stringify(Object.fromEntries(calls))}
          export const specOf = name => api[name]`,
      }
    })
  },
}

/** The regular expressions of string-width take a third of a start to compile, and most tables have nothing but ASCII. */
const lateWidths: Plugin = {
  name: 'late-widths',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^string-width$/ }, ({ namespace }) =>
      namespace === 'late-widths' ? undefined : { path: 'string-width', namespace: 'late-widths' },
    )
    onLoad({ filter: /.*/, namespace: 'late-widths' }, () => ({
      contents: `export default (...args) => require('string-width').default(...args)`,
      resolveDir: resolve('.'),
    }))
  },
}

/** The client of identity providers, in a bundle of its own: most servers know none, and a start reads all of a file. */
const providerClient = 'openid-client'

/** The backend of a cluster, in a bundle of its own: most runners have none, and a start reads all of a file. */
const clusterBackend = resolve('src/remote/executors/kubernetes/backend.ts')
const lateCluster: Plugin = {
  name: 'late-cluster',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/kubernetes\/backend\.ts$/ }, ({ kind, path, resolveDir }) =>
      kind === 'dynamic-import' && resolve(resolveDir, path) === clusterBackend
        ? { path: './kubernetes.js', external: true }
        : undefined,
    )
    // The calls are made without the generated client, whose 2,700 files are most of the package.
    onResolve({ filter: /^\.\/gen\/index\.js$/ }, ({ importer }) =>
      importer.endsWith('/client-node/dist/config.js')
        ? { path: 'gen', namespace: 'no-generated-client' }
        : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'no-generated-client' }, () => ({
      contents: 'export const createConfiguration = undefined, ServerConfiguration = undefined',
    }))
  },
}
const lateProviders: Plugin = {
  name: 'late-providers',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^openid-client$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: `./${providerClient}.js`, external: true } : undefined,
    ),
}

/**
 * Makes one bundle, which judges the answers to these calls. CommonJS, because an ES module pays for a facade of each
 * module of Node's that it imports: a third of a start.
 */
const bundle = (
  from: Pick<BuildOptions, 'entryPoints' | 'stdin'>,
  name: string,
  answersTo: readonly CallName[],
) =>
  build({
    ...from,
    metafile: true,
    outfile: `dist/${name}.js`,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    supported: { 'dynamic-import': false },
    define: { 'import.meta.dirname': '__dirname', 'import.meta.main': 'true' },
    minify: true,
    plugins: [
      compiledSections,
      compiledAnswers(answersTo),
      commandBundles,
      noSubprograms,
      lightUndici,
      localEngine,
      plainCalls,
      lateWidths,
      lateProviders,
      lateCluster,
    ],
  })

const ofOperators = callNames.filter(name => !runnerCallNames.includes(name))
/** The commands of a host make the calls of a runner, and `doctor` makes these others. */
const ofHosts: CallName[] = [...runnerCallNames, 'health', 'whoami', 'listTokens', 'listRunners']

rmSync('dist', { recursive: true, force: true })
const bundles: Metafile[] = []
// The set grows as the bundles are made.
for (const file of loaded) {
  const answersTo = roomOf(file) === 'host' ? ofHosts : ofOperators
  bundles.push((await bundle({ entryPoints: [file] }, bundleName(file), answersTo)).metafile)
}
const each = [...operators].map(file => {
  const path = JSON.stringify(file)
  return `get ${JSON.stringify(bundleName(file))}() { return require(${path}) }`
})
const stdin = { contents: `module.exports = { ${each.join(', ')} }`, resolveDir: resolve('.') }
const provider = { contents: `module.exports = require('${providerClient}')`, resolveDir: resolve('.') }
bundles.push((await bundle({ stdin: provider }, providerClient, [])).metafile)
bundles.push((await bundle({ entryPoints: [clusterBackend] }, 'kubernetes', [])).metafile)
const made = loaded.size + operators.size
bundles.push((await bundle({ stdin }, 'operator', ofOperators)).metafile)
if (loaded.size + operators.size > made)
  throw new Error('a command to a server loads a file later that has no bundle: import it at once')

// Schemas as objects and what compiles them cost each start of a command, and each attached runner memory.
const schemaCode = /node_modules\/(?:ajv\/dist\/(?!runtime)|typebox)\//
for (const { inputs, outputs } of bundles) {
  const [output] = Object.keys(outputs)
  const heavy = Object.keys(inputs).find(input => schemaCode.test(input))
  // The server validates what it gets, and `plugin run` does so in its place.
  if (heavy !== undefined && !/(?:server-serve|host-plugin)\.js$/.test(output!))
    throw new Error(`${output} has ${heavy} in it: import of the schemas of messages only their types`)
}

bundles.push(...(await buildWeb('dist/web', { release: true })))

writeFileSync('dist/package.json', '{ "type": "commonjs" }\n')
copyFileSync('src/config/ini/lookup.sh', 'dist/lookup.sh')
for (const name of ['supervisor.sh', 'api.sh', 'tls.sh'])
  copyFileSync(`src/remote/executors/handover/${name}`, `dist/${name}`)
// A file that esbuild read and then left out is not in the bundle.
const inside = bundles
  .flatMap(({ outputs }) => Object.values(outputs))
  .flatMap(({ inputs }) => Object.entries(inputs))
  .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
const packages = packagesOf(inside.map(([file]) => file))
writeFileSync('dist/THIRD-PARTY-LICENSES', licencesOf(packages))
writeFileSync('dist/sbom.cdx.json', `${JSON.stringify(sbomOf(packages), null, 1)}\n`)

if (process.argv.includes('--analyze'))
  for (const metafile of bundles) console.log(await analyzeMetafile(metafile))
