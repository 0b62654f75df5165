/* One job on a fake machine, with its record in a spool. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Edges, systemChance } from '../../src/edges.ts'
import type { Slot } from '../../src/remote/executors/executor.ts'
import { FakeBackend } from '../../src/remote/executors/fake/backend.ts'
import { FakeMachine } from '../../src/remote/executors/fake/machine.ts'
import type { AssignedJob } from '../../src/remote/job/job.ts'
import { Spool } from '../../src/remote/job/spool.ts'
import type { SpooledExecution } from '../../src/remote/job/spooled-execution.ts'
import { ManualClock } from './manual-clock.ts'
import { assignedJob } from './messages.ts'

export class FakeJobRig {
  readonly clock = new ManualClock()
  readonly edges: Edges = { clock: this.clock, chance: systemChance }
  readonly machine: FakeMachine
  readonly backend: FakeBackend
  readonly spool: Spool

  constructor(t: Test) {
    const directory = t.testdir({})
    this.machine = new FakeMachine(join(directory, 'machine'), this.clock)
    this.backend = new FakeBackend(this.machine)
    this.spool = new Spool(join(directory, 'spool'))
  }

  /** An execution in the spool; its command is the steps of a fake job. */
  execution(command: string[], job: Partial<AssignedJob> = {}): SpooledExecution {
    return this.spool.add(
      assignedJob(randomUUID(), {
        command,
        release_url: 'http://release',
        abort_timeout_seconds: 5,
        ...job,
      }),
      { lease_id: randomUUID(), job_name: null },
    )
  }

  async slot(): Promise<Slot> {
    const options = { slotId: systemChance.id(), group: 'default', ephemeral: false }
    const opened = await this.backend.open({ key: 'sha256:box' }, options, new AbortController().signal)
    if (opened.ok) return opened.value
    throw new Error(opened.failure.message)
  }
}
