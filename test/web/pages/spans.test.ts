import t from 'tap'
import { isOver, spansOf, spanText } from '../../../src/web/pages/spans.ts'

const base = { created_at: '1970-01-01T00:00:10Z', started_at: null, finished_at: null, phases: null }
const started = { ...base, started_at: '1970-01-01T00:00:20Z' }

t.test('an attempt is as long as its phases, or as its times say', t => {
  t.strictSame(spansOf({ ...base, state: 'queued' }, 15_000), [{ phase: 'queued', from: 10_000, to: 15_000 }])
  t.strictSame(spansOf({ ...started, state: 'running' }, 50_000), [
    { phase: 'queued', from: 10_000, to: 20_000 },
    { phase: 'run', from: 20_000, to: 50_000 },
  ])
  const ended = { ...started, finished_at: '1970-01-01T00:00:30Z', state: 'failed' as const }
  t.strictSame(spansOf(ended, 99_000).at(-1), { phase: 'run', from: 20_000, to: 30_000 })
  t.strictSame(spansOf({ ...ended, phases: { queued: 1, run: 2.5 } }, 99_000), [
    { phase: 'queued', from: 10_000, to: 11_000 },
    { phase: 'run', from: 11_000, to: 13_500 },
  ])
  t.end()
})

t.test('clocks that differ make no phase with less than nothing', t => {
  for (const { from, to } of spansOf({ ...started, state: 'running' }, 5000)) t.ok(to >= from)
  t.end()
})

t.equal(spanText({ phase: 'run', from: 0, to: 90_000 }), 'running 1 min 30 s')
t.ok(isOver({ state: 'lost', finished_at: base.created_at }))
t.notOk(isOver({ state: 'lost', finished_at: null }), 'its runner may come back')
