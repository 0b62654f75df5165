import t from 'tap'
import type { Event } from '../../../src/event.ts'
import { adviser, type SameChain } from '../../../src/report/run/advice.ts'

/** The advice at the end of a run. */
function advised(chain: SameChain, ended: object, started: object = {}): string[] {
  const advise = adviser(chain)
  const begin = { event: 'run:started', run_id: 3, run_dir: '/runs/3', ...started }
  const events = [begin, { event: 'run:ended', run_id: 3, ...ended }] as Event[]
  return events.flatMap(advise).map(({ text }) => text)
}

t.test('an interrupted run is resumed by the same command, where it can be', async t => {
  const ended = { reason: 'interrupted', task: 'b' }
  t.same(advised({}, ended), ['`runner run --resume` resumes it'])
  t.same(advised({ config: 'my cfg', directory: 'tasks' }, ended), [
    "`runner run --resume -c 'my cfg' tasks` resumes it",
  ])
  t.same(advised({}, ended, { partial: true }), [], 'a run of some tasks cannot be resumed')
  t.same(advised({}, ended, { run_dir: undefined }), [], 'nor one without a record')
})

t.test('a run that failed leads to its records', async t => {
  t.same(advised({}, { reason: 'gave-up', task: 'a b' }), [
    "`runner explain 3` says why; `runner logs 3 'a b'` shows the output",
  ])
  t.same(advised({ directory: 'tasks' }, { reason: 'halted' }), [
    '`runner explain --task-dir tasks 3` says why',
  ])
  t.same(advised({}, { reason: 'halted' }, { run_dir: undefined }), [])
  for (const reason of ['succeeded', 'reboot']) t.same(advised({}, { reason }), [])
})
