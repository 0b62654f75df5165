/* The pages that take a reader to a job on a host, on one engine. */
import { cpSync } from 'node:fs'
import t from 'tap'
import { Engine, engineNeeds, networkNeeds, withNetworks } from '../../support/engine.ts'
import { makeImage, staticBusybox, withBusybox, withProgram } from '../../support/images.ts'
import { follow, RigShell } from '../../support/page-shell.ts'
import { program, testWith } from '../../support/require.ts'
import { type Rig, rigTest } from '../../support/rig.ts'

t.setTimeout(900_000)

const needs = [...engineNeeds, ...networkNeeds, staticBusybox, program('nsenter')]

/** A shell in the network of the engine, where nothing else has the usual ports. */
const shellThere = (rig: Rig, { socket, network }: Engine) =>
  new RigShell(rig, {
    env: { DOCKER_HOST: `unix://${socket}` },
    before: ['nsenter', `--net=${network}`, '--'],
  })

testWith(t, 'who follows a page to a job on a host sees what it shows', needs, async t => {
  await using engine = await Engine.start(...withNetworks)
  await makeImage(engine, 'busybox', { fill: root => withBusybox(root, ['sh', 'echo', 'sleep']) })

  await rigTest(t, 'README.md', {}, async (t, rig) => {
    for (const name of ['runner.cfg', 'tasks.d']) cpSync(name, rig.path(name), { recursive: true })
    const shell = shellThere(rig, engine)
    const sections = ['Three more minutes: a job on a host']
    t.equal(await follow(t, 'README.md', shell, { sections }), 3, 'the blocks are found')
    await shell.close()
  })

  await rigTest(t, 'your-first-fleet.md', {}, async (t, rig) => {
    const shell = shellThere(rig, engine)
    const count = await follow(t, 'docs/tutorials/your-first-fleet.md', shell)
    t.ok(count > 10, 'the blocks are found')
    await shell.close()
  })

  await makeImage(engine, 'node:24-slim', {
    fill(root) {
      withBusybox(root)
      withProgram(root, process.execPath, '/usr/bin/node')
    },
  })
  await rigTest(t, 'write-a-plugin.md', {}, async (t, rig) => {
    const shell = shellThere(rig, engine)
    t.ok(await follow(t, 'docs/how-to/write-a-plugin.md', shell))
    await shell.close()
  })
})
