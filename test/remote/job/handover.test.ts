import { readdirSync } from 'node:fs'
import t from 'tap'
import { placeJob, startPlaced, takeBack } from '../../../src/remote/job/handover.ts'
import { FakeJobRig } from '../../support/fake-job.ts'

t.test('the spool knows of a place before the start, and says whether the job may have started', async t => {
  const rig = new FakeJobRig(t)
  const execution = rig.execution(['say:x'])
  t.same([execution.state, execution.mayHaveStarted], [undefined, false])
  const placed = await placeJob(execution, await rig.slot())
  if (!placed.ok) throw new Error(placed.failure.message)
  t.same(execution.state, placed.value.placed.state)
  t.equal(execution.mayHaveStarted, false)
  const started = await startPlaced(placed.value)
  t.equal(execution.mayHaveStarted, true)
  if (!started.ok) throw new Error(started.failure.message)
  t.match(await started.value.exited, { by: 'status', code: 0 })
})

t.test('a job that is taken back has no place any more', async t => {
  const rig = new FakeJobRig(t)
  const execution = rig.execution(['say:x'])
  const slot = await rig.slot()
  const placed = await placeJob(execution, slot)
  if (!placed.ok) throw new Error(placed.failure.message)
  t.equal(await takeBack(placed.value), true)
  t.same([execution.state, execution.mayHaveStarted], [undefined, false])
  t.equal(await slot.clean(), 'clean')
  t.notOk(rig.machine.calls.includes('start'))
})

t.test('where something is left of it, the place stays on record', async t => {
  const rig = new FakeJobRig(t)
  const execution = rig.execution(['say:x'])
  const placed = await placeJob(execution, await rig.slot())
  if (!placed.ok) throw new Error(placed.failure.message)
  rig.machine.fail('takeBack', { reason: 'executor-lost', message: 'busy', retry: 'soon' }, 1)
  t.equal(await takeBack(placed.value), false)
  t.not(execution.state, undefined)
})

t.test('a job that cannot be placed is not on record as placed', async t => {
  const rig = new FakeJobRig(t)
  const execution = rig.execution(['say:\0'])
  t.match(await placeJob(execution, await rig.slot()), { ok: false, failure: { reason: 'job-invalid' } })
  t.same(readdirSync(execution.directory), ['job.json'])
})
