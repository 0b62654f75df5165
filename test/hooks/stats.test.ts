import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import type { TryEnd } from '../../src/event.ts'
import { statsOf, statsSchema } from '../../src/hooks/stats.ts'

const validate = new Ajv({ strict: false }).compile(statsSchema)
const ref = { task: '10-disk.sh', name: 'disk', kind: 'task', try_num: 2 } as const
const end: TryEnd = {
  outcome: 'RETRY',
  killed: [],
  survivors: [],
  started_at: '2026-01-31T06:00:00.000Z',
  duration_seconds: 0.5,
  log: { bytes: 0, lines: 0, left_out: 0 },
  last_lines: [],
}

t.test('before a try the stats have no result', async t => {
  const stats = statsOf(ref, 5, false)
  t.same(stats, { task: '10-disk.sh', name: 'disk', try_num: 2, max_retries: 5 })
  t.ok(validate(stats))
})

t.test("in build-runner's form they say before a try that it runs", async t => {
  const stats = statsOf(ref, 5, true)
  t.same(stats, { task: '10-disk.sh', name: 'disk', try_num: 2, max_retries: 5, result: 'RUNNING' })
  t.ok(validate(stats))
  t.notOk(validate({ ...stats, exit_code: 0 }))
  t.notOk(validate({ ...stats, started_at: end.started_at }))
})

t.test('after a try they have its result, and a status or a signal where there is one', async t => {
  for (const more of [{ exit_code: 9 }, { signal: 'SIGKILL' }, {}]) {
    const stats = statsOf(ref, 5, true, { end: { ...end, ...more }, runId: 12 })
    const { started_at, duration_seconds } = end
    const before = { task: '10-disk.sh', name: 'disk', try_num: 2, max_retries: 5 }
    t.same(stats, { ...before, result: 'RETRY', ...more, started_at, duration_seconds, run_id: 12 })
    t.ok(validate(stats))
  }
})

t.test('the schema refuses what is not agreed', async t => {
  const before = statsOf(ref, 5, false)
  for (const more of [
    { extra: 1 },
    { result: 'OK' },
    { exit_code: 0 },
    { try_num: 0 },
    { try_num: '1' },
    { task: '' },
  ])
    t.notOk(validate({ ...before, ...more }), JSON.stringify(more))
})

t.test('the examples of the documentation satisfy the schema, and it prints the schema itself', async t => {
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/reference/hooks.md'), 'utf8')
  const blocks = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => JSON.parse(text!))
  const examples = blocks.filter(block => !('$schema' in block))
  t.ok(examples.length >= 3)
  for (const example of examples) t.ok(validate(example), JSON.stringify(example))
  t.ok(
    examples.some(example => !('result' in example)),
    'one of before a try',
  )
  t.ok(examples.some(example => 'exit_code' in example) && examples.some(example => 'signal' in example))
  t.same(
    blocks.filter(block => '$schema' in block),
    [statsSchema],
  )
})
