/* The packages of npm whose code is in the bundles: their licences, and the list of them. */
import { globSync, readFileSync } from 'node:fs'

/** A package as it lies in node_modules; of some there are several versions. */
export interface BundledPackage {
  /** Below this checkout: `node_modules/pg`, `node_modules/a/node_modules/b`. */
  path: string
  name: string
  version: string
}

/**
 * dockerode depends on these packages for engines on other hosts: ssh, gRPC and protobuf. An engine on this
 * host never needs them, and they bring 13 MB and most of the warnings of scanners. The list also has
 * packages that Node.js replaces.
 */
const unwanted = [/^(?:ssh2|cpu-features|nan|@grpc\/|protobufjs|@protobufjs\/|tar-fs|@balena\/)/]

/**
 * The packages that these files, inputs of esbuild, are of, by path. Throws an error where one of them is unwanted.
 */
export function packagesOf(inputs: readonly string[]): BundledPackage[] {
  // Before it may be a name that build.ts gives, and where node_modules is a link, the way to it.
  const innermost = /(?<=^|[:/])(node_modules\/(?:.*\/node_modules\/)?((?:@[^/]+\/)?[^/]+))\//
  const found = new Map<string, BundledPackage>()
  for (const input of inputs) {
    const [, path, name] = innermost.exec(input) ?? []
    if (path === undefined || name === undefined || found.has(path)) continue
    if (unwanted.some(pattern => pattern.test(name)))
      throw new Error(
        `${input} is bundled, and nothing here uses ${name}: leave it out (localEngine in build.ts)`,
      )
    found.set(path, { path, name, version: manifestOf(path).version })
  }
  return [...found.values()].sort((one, other) => (one.path < other.path ? -1 : 1))
}

interface Manifest {
  version: string
  license?: string
  author?: string | { name: string }
  homepage?: string
}

const manifestOf = (path: string) => JSON.parse(readFileSync(`${path}/package.json`, 'utf8')) as Manifest

/** The texts of their licences and notices. Throws an error where a package says nothing of its licence. */
export function licencesOf(packages: readonly BundledPackage[]): string {
  const texts = packages.map(({ path, name, version }) => {
    const files = globSync(`${path}/{LICEN[CS]E,licen[cs]e,COPYING,NOTICE}*`).sort()
    const parts = files.map(file => readFileSync(file, 'utf8').trim())
    return [`${name} ${version}`, ...(parts.length === 0 ? [statementOf(path)] : parts)].join('\n\n')
  })
  return `${texts.join(`\n\n${'-'.repeat(78)}\n\n`)}\n`
}

/** The licence that a package without a file for it states in its package.json and README. */
function statementOf(path: string): string {
  const { license, author, homepage } = manifestOf(path)
  if (license === undefined) throw new Error(`${path} says nothing of its licence`)
  const by = typeof author === 'object' ? author.name : author
  const [readme] = globSync(`${path}/README*`)
  const section =
    readme === undefined ? undefined : /^#+ licen[cs]e\s+([\s\S]*)/im.exec(readFileSync(readme, 'utf8'))
  const lines = [`Licence: ${license}`, by && `Author: ${by}`, homepage, section && `\n${section[1]!.trim()}`]
  return lines.filter(line => line).join('\n')
}
