import t from 'tap'
import { whySentence } from '../../../src/web/pages/why.ts'

const of = (more: Partial<Parameters<typeof whySentence>[0]>) =>
  whySentence({
    state: 'failed',
    reason: null,
    exit_code: null,
    error_message: null,
    node_name: 'n1',
    waiting_because: null,
    started_at: '2026-11-30T10:00:00Z',
    finished_at: '2026-11-30T10:02:05Z',
    ...more,
  } as Parameters<typeof whySentence>[0])

t.test('the end of an execution is told in a sentence', t => {
  t.equal(of({ state: 'succeeded', exit_code: 0 }), 'It succeeded after 2 min 5 s.')
  t.equal(of({ exit_code: 3 }), 'It ended with status 3 after 2 min 5 s.')
  t.equal(of({}), 'It failed after 2 min 5 s; the reason is not known.')
  t.equal(of({ reason: 'image-not-pulled', error_message: 'no such image' }), 'No such image.')
  t.equal(of({ reason: 'out-of-memory' }), 'It used more memory than its runner gives to a job.')
  t.equal(
    of({ reason: 'executor-lost', error_message: 'it was killed' }),
    'Its container ended while it ran. It was killed.',
  )
  t.equal(of({ reason: 'new-one' }), 'The reason is new-one.')
  t.equal(of({ reason: 'constructor' }), 'The reason is constructor.')
  t.equal(of({ state: 'aborted' }), 'It was aborted after 2 min 5 s.')
  t.equal(of({ state: 'withdrawn', reason: 'replaced' }), 'The reason is replaced.')
  t.match(of({ state: 'lost' }), /nobody knows how it ended/)
  t.end()
})

t.test('what has not ended says what it waits for', t => {
  const waits = { started_at: null, finished_at: null, node_name: null }
  t.equal(
    of({ state: 'queued', waiting_because: 'group a has no node', ...waits }),
    'It waits: group a has no node.',
  )
  t.equal(of({ state: 'queued', ...waits }), 'It waits for a runner.')
  t.match(of({ state: 'reserved', finished_at: null }), /handed to n1/)
  t.equal(of({ state: 'running', finished_at: null }), 'It runs on n1.')
  t.equal(
    of({ state: 'running', finished_at: null, waiting_because: 'it has not started on n1 yet: no engine' }),
    'It has not started on n1 yet: no engine.',
  )
  t.match(of({ state: 'aborting', finished_at: null }), /n1 is about to end it/)
  t.equal(of({ state: 'lost', finished_at: null, node_name: null }).slice(0, 10), 'Its runner')
  t.end()
})
