import t, { type Test } from 'tap'
import { placeJob, startPlaced } from '../../../src/remote/job/handover.ts'
import type { AssignedJob } from '../../../src/remote/job/job.ts'
import { JobWatch } from '../../../src/remote/job/watch.ts'
import { FakeJobRig } from '../../support/fake-job.ts'
import { settled } from '../../support/manual-clock.ts'

/** Starts a job and watches it. */
async function watched(rig: FakeJobRig, command: string[], job: Partial<AssignedJob> = {}) {
  const execution = rig.execution(command, job)
  const placed = await placeJob(execution, await rig.slot())
  if (!placed.ok) throw new Error(placed.failure.message)
  const started = await startPlaced(placed.value)
  if (!started.ok) throw new Error(started.failure.message)
  const heard = { log: '', started: [] as Date[], stuck: [] as string[] }
  const watch = new JobWatch(execution, started.value, {
    edges: rig.edges,
    onLog: bytes => {
      heard.log += Buffer.from(bytes).toString()
    },
    onStarted: at => heard.started.push(at),
    onStuck: message => heard.stuck.push(message),
  })
  return { execution, watch, heard, handle: started.value }
}

const test = (title: string, body: (t: Test, rig: FakeJobRig) => Promise<void>) =>
  t.test(title, t => body(t, new FakeJobRig(t)))

test('a job that has ended is on record with log and end before anybody hears of it', async (t, rig) => {
  const { watch, execution, heard } = await watched(rig, ['say:one\n', 'say:two', 'exit:3'])
  const ended = await watch.ended
  const end = { outcome: 'failed', reason: 'exit-status', exit_code: 3, log_length: 7 }
  t.match(ended, { state: 'ended', end })
  t.match(execution.end, end)
  t.equal(heard.log, 'one\ntwo')
  t.equal(heard.started.length, 1)
  const text: string[] = []
  const kept = rig.backend.kept(execution.state!, execution.directory)
  for await (const bytes of kept.log(0, new AbortController().signal)) text.push(String(bytes))
  t.equal(text.join(''), 'one\ntwo')
})

test('the first reason to end it wins', async (t, rig) => {
  const { watch } = await watched(rig, ['hold:it'])
  await rig.machine.reached('it')
  watch.abort('lease-lost')
  watch.abort('aborted')
  t.match(await watch.ended, { state: 'ended', end: { outcome: 'failed', reason: 'lease-lost' } })
  watch.abort()
})

test('a job that ends with status 0 after an abort was aborted, whatever its status says', async (t, rig) => {
  const { watch } = await watched(rig, ['trap:0', 'hold:it'])
  await rig.machine.reached('it')
  watch.abort()
  t.match(await watch.ended, { end: { outcome: 'aborted', exit_code: 0 } })
})

test('a plugin is judged by what it leaves', async (t, rig) => {
  const input = {
    release: { id: 'r', automatedTaskAsUser: { username: null, password: null } },
    task: { id: 't', type: 'a.B', properties: [] },
  }
  const output = JSON.stringify({ exitCode: 0, jobErrorMessage: '', outputProperties: { a: 1 } })
  const one = await watched(rig, [`output:${output}`, 'exit:5'], { kind: 'plugin', input })
  t.match(await one.watch.ended, { end: { outcome: 'succeeded', output: { outputProperties: { a: 1 } } } })
  const none = await watched(rig, ['exit:0'], { kind: 'plugin', input })
  t.match(await none.watch.ended, { end: { outcome: 'failed', reason: 'no-output' } })
  const long = await watched(rig, [`output:${'x'.repeat(5000)}`], { kind: 'plugin', input })
  t.match(await long.watch.ended, { end: { outcome: 'failed', reason: 'output-invalid' } })
})

test('a job that never started says so, and has no end', async (t, rig) => {
  const { watch, execution } = await watched(rig, ['never'])
  t.match(await watch.ended, { state: 'not-started' })
  t.equal(execution.end, undefined)
})

test('a job that starts late is waited for', async (t, rig) => {
  const { watch, heard } = await watched(rig, ['late:100', 'say:x'])
  await rig.clock.pass(99)
  t.equal(heard.started.length, 0)
  await rig.clock.pass(2)
  t.match(await watch.ended, { end: { outcome: 'succeeded' } })
})

test('a slow stop has its grace', async (t, rig) => {
  const { watch } = await watched(rig, ['trap:4:3', 'hold:it'])
  await rig.machine.reached('it')
  watch.abort()
  await rig.clock.pass(4)
  t.match(await watch.ended, { end: { outcome: 'aborted', exit_code: 4 } })
  const slow = await watched(rig, ['trap:4:30', 'hold:it2'])
  await rig.machine.reached('it2')
  slow.watch.abort()
  await rig.clock.pass(6)
  t.match(await slow.watch.ended, { end: { outcome: 'aborted', exit_code: 137 } })
})

test('a detached job runs on, and has no end here', async (t, rig) => {
  const { watch, execution } = await watched(rig, ['hold:it', 'exit:3'])
  await rig.machine.reached('it')
  watch.detach()
  t.match(await watch.ended, { state: 'detached' })
  rig.machine.release('it')
  await settled()
  t.equal(execution.end, undefined)
  const next = await rig.backend.recover(execution.state!, execution.directory)
  t.match(next.ok && (await next.value.exited), { by: 'status', code: 3 })
})

test('an end that cannot be put on disk is tried again, and told of after a while', async (t, rig) => {
  const { watch, execution, heard } = await watched(rig, ['hold:it'])
  await rig.machine.reached('it')
  rig.machine.fail('keep', { reason: 'spool-lost', message: 'no space', retry: 'soon' }, 6)
  rig.machine.release('it')
  await rig.clock.pass(0.8)
  t.same(heard.stuck, [])
  await rig.clock.pass(2)
  t.match(heard.stuck[0], /cannot be put on disk: no space/)
  t.equal(execution.end, undefined)
  await rig.clock.pass(10)
  t.match(await watch.ended, { state: 'ended', end: { outcome: 'succeeded' } })
})

test('the time that a job ran is told by the clock of the backend', async (t, rig) => {
  const { watch } = await watched(rig, ['sleep:90'], { max_time_seconds: 100 })
  await rig.clock.pass(91)
  const ended = await watch.ended
  if (ended.state !== 'ended') throw new Error(ended.state)
  t.equal(Date.parse(ended.end.finished_at) - Date.parse(ended.end.started_at), 90_000)
})
