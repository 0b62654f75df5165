import t from 'tap'
import { licencesOf, packagesOf } from '../../scripts/bundled-packages.ts'
import { sbomOf } from '../../scripts/sbom.ts'

const inputs = [
  'src/cli/main.ts',
  '../elsewhere/node_modules/pgpass/lib/index.js',
  'light-undici:node_modules/undici/lib/dispatcher/agent.js',
  'node_modules/npm-run-path/node_modules/path-key/index.js',
  'node_modules/@fastify/multipart/index.js',
  'node_modules/pgpass/lib/helper.js',
]

t.test('each package with a file in the bundles is found once, also one inside of another', async t => {
  t.same(
    packagesOf(inputs).map(({ path }) => path),
    [
      'node_modules/@fastify/multipart',
      'node_modules/npm-run-path/node_modules/path-key',
      'node_modules/pgpass',
      'node_modules/undici',
    ],
  )
})

t.test('the build refuses what has been left out', async t => {
  for (const file of ['ssh2/lib/client.js', '@grpc/grpc-js/build/src/index.js', 'protobufjs/index.js'])
    t.throws(() => packagesOf([`node_modules/${file}`]), { message: /is bundled, and nothing here uses/ })
})

t.test('each package has its licence, or what it says of it', async t => {
  const said = licencesOf(packagesOf(inputs))
  t.match(said, /^undici \d.*\n\nMIT License/m)
  t.match(said, /^pgpass \d.*\n\nLicence: MIT\n.*\n\nCopyright .* Hannes/m)
})

t.test('the list for scanners has each package as the lock file has it', async t => {
  const { components, metadata } = sbomOf(packagesOf(inputs))
  t.equal(metadata.component.name, 'runner')
  t.match(components, [
    { purl: /^pkg:npm\/%40fastify\/multipart@\d/, licenses: [{ license: { id: 'MIT' } }] },
    { name: 'path-key', hashes: [{ alg: 'SHA-512', content: /^[0-9a-f]{128}$/ }] },
    { name: 'pgpass' },
    { name: 'undici' },
  ])
  t.equal(new Set(components.map(component => component['bom-ref'])).size, components.length)
})
