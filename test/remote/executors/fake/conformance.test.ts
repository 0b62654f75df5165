import { mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../../src/edges.ts'
import { FakeBackend } from '../../../../src/remote/executors/fake/backend.ts'
import { FakeMachine } from '../../../../src/remote/executors/fake/machine.ts'
import { executorConformance } from '../conformance.ts'
import type { Subject } from '../subject.ts'

const directory = t.testdir()

await executorConformance(t, 'fake', async body => {
  const machine = new FakeMachine(mkdtempSync(join(directory, 'machine-')), systemClock)
  const subject: Subject = {
    open: () => new FakeBackend(machine),
    image: 'box',
    words: steps => steps,
    missing: ['not-startable'],
    release: name => machine.release(name),
    spoolDir: () => mkdtempSync(join(directory, 'spool-')),
    async makeBare() {
      const id = 'b'.repeat(32)
      mkdirSync(join(machine.slots, id))
      return id
    },
    async killSlot({ ref }) {
      machine.killSlot(ref.id)
    },
  }
  await body(subject)
})
