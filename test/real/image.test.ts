import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadArmImage } from '../support/arm-machine.ts'
import { Engine, emulationNeeds, networkNeeds, withNetworks } from '../support/engine.ts'
import { makeImage, withBusybox } from '../support/images.ts'
import { baseArchive, machineNeeds } from '../support/machine.ts'
import { packageNeeds, sharedPackage } from '../support/package.ts'
import { follow, RigShell } from '../support/page-shell.ts'
import { machineId, program } from '../support/require.ts'
import { rigTest } from '../support/rig.ts'

t.setTimeout(900_000)

const page = 'docs/how-to/run-in-a-container.md'

/*
 * The engine has no registry: `debian:12-slim` is the root directory of the tests with systemd there, which has the libraries
 * already that the image of that name would get from the archive.
 */
const needs = [...machineNeeds, ...networkNeeds, ...packageNeeds, machineId]

rigTest(t, 'the image starts each role, as its page says', { needs }, async (t, rig) => {
  const building = sharedPackage()
  building.catch(() => {})
  await using engine = await Engine.start(...withNetworks)
  await engine.docker('import', await baseArchive(), 'debian:12-slim')
  await makeImage(engine, 'busybox', { fill: root => withBusybox(root, ['echo']) })
  cpSync('deploy', rig.path('deploy'), { recursive: true })
  const host = join(engine.directory, 'host')
  mkdirSync(host)
  const shell = new RigShell(rig, { env: { DOCKER_HOST: `unix://${engine.socket}` } })
  const replace = {
    '../runner_*.deb': (await building).deb,
    '/var/run/docker.sock:': `${engine.socket}:`,
    '/srv/runner': host,
  }
  try {
    await follow(t, page, shell, { replace })
  } finally {
    await shell.close()
  }
  const served = (path: string) =>
    engine.docker('exec', 'runner-server', 'busybox', 'wget', '-q', '-O', '-', `http://127.0.0.1:8080${path}`)
  const [script] = /\/assets\/[^"]+\.js/.exec(await served('/'))!
  t.match(await served(script), 'Asking the server', 'the page is in the image, too')
  t.equal(await engine.docker('image', 'inspect', '--format', '{{.Config.User}}', 'runner'), 'runner')
})

const armNeeds = [...needs, ...emulationNeeds, ...['curl', 'sha256sum'].map(program)]

rigTest(
  t,
  'the image is made for arm64 too, and starts a server and a chain there',
  { needs: armNeeds },
  async (t, rig) => {
    const building = sharedPackage('arm64')
    building.catch(() => {})
    await using engine = await Engine.startEmulating(...withNetworks)
    await loadArmImage(engine, 'debian:12-slim')
    cpSync('deploy', rig.path('deploy'), { recursive: true })
    const env = { DOCKER_HOST: `unix://${engine.socket}`, DOCKER_DEFAULT_PLATFORM: 'linux/arm64' }
    // Emulated, and beside other tests, each command takes its time.
    const shell = new RigShell(rig, { env, timeout: 400 })
    const replace = { '../runner_*.deb': (await building).deb }
    const sections = ['Build the image', 'Start a server', 'Run a chain']
    try {
      t.ok(await follow(t, page, shell, { replace, sections }))
    } finally {
      await shell.close()
    }
    const format = '{{.Os}}/{{.Architecture}} {{.Config.User}}'
    t.equal(await engine.docker('image', 'inspect', '--format', format, 'runner'), 'linux/arm64 runner')
    const words = ['run', '--rm', '--network', 'none', '--entrypoint', '/bin/dpkg', 'runner']
    t.equal(await engine.docker(...words, '--print-architecture'), 'arm64')
  },
)
