import { randomUUID } from 'node:crypto'
import { globSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ExecutorConfiguration } from '../../../../../src/config/sections/executor.ts'
import { benchTest, executorConformance } from '../../../../remote/executors/conformance.ts'
import { slotConformance } from '../../../../remote/executors/slot-conformance.ts'
import { type Subject, scriptOf } from '../../../../remote/executors/subject.ts'
import { networkNeeds, withNetworks } from '../../../../support/engine.ts'
import { EngineRig, executorNeeds } from '../../../../support/executors.ts'
import { makeImage, withBusybox } from '../../../../support/images.ts'
import { testWith } from '../../../../support/require.ts'

t.setTimeout(1_800_000)

/** A runner of its own for each test, on one engine. */
function subjectOf(rig: EngineRig, changes: Partial<ExecutorConfiguration> = {}): Subject {
  const { engine } = rig
  const runnerId = randomUUID()
  const spool = join(engine.directory, 'spool')
  mkdirSync(spool, { recursive: true })
  return {
    open: () => rig.backend(changes, runnerId),
    image: 'box',
    words: steps => ['sh', '-c', scriptOf(steps, name => `ls /.runner/jobs/*/${name} >/dev/null 2>&1`)],
    missing: ['/there/is/no/such/program'],
    release(name) {
      for (const directory of globSync(join(rig.workDir, `${runnerId}.*`, 'jobs', '*')))
        writeFileSync(join(directory, name), '')
    },
    spoolDir: () => mkdtempSync(join(spool, 'job-')),
    async makeBare() {
      const id = 'b'.repeat(32)
      mkdirSync(join(rig.workDir, `${runnerId}.${id}`))
      return id
    },
    async killSlot({ ref }) {
      await engine.docker('kill', `runner-${ref.id}`)
    },
  }
}

testWith(t, 'containers as a backend', [...executorNeeds, ...networkNeeds], async t => {
  await using rig = await EngineRig.start(...withNetworks)
  await makeImage(rig.engine, 'box', { fill: withBusybox, changes: ['CMD ["true"]'] })
  await executorConformance(t, 'docker', body => body(subjectOf(rig)))
  const own = benchTest(t, 'docker, network = job', body => body(subjectOf(rig, { network: 'job' })))
  await slotConformance(own)
  t.same(await rig.leftovers(), [], 'nothing is left')
})
