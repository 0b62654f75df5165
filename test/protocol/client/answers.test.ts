import t from 'tap'
import { judgeAnswer } from '../../../src/protocol/client/answers.ts'

const settings = {
  enabled: true,
  capacity: 4,
  eviction_time_seconds: 60,
  abort_timeout_seconds: 30,
  ping_interval_seconds: 10,
  reserve_wait_seconds: 50,
  confirm_within_seconds: 10,
  lease_seconds: 60,
  late_result_seconds: 3600,
  max_output_bytes: 1000,
}
const lists = { leases: {}, abort: [], gone: [], unknown: [], scripts: [] }
const answer = { settings, role: null, ...lists }

t.test('a field that an answer need not have is not missed, and one that it must have is', async t => {
  t.strictSame(judgeAnswer('heartbeat 200', answer), { ok: true, value: { value: answer, refused: [] } })
  const { gone: _, ...rest } = answer
  const confirm = ['00000000-0000-4000-8000-000000000000']
  t.strictSame(judgeAnswer('heartbeat 200', { ...rest, confirm: [...confirm, 1] }), {
    ok: true,
    value: {
      value: { ...rest, confirm },
      refused: ['the answer has no field "gone"', 'confirm 1 must be string'],
    },
  })
})

t.test('a page of a list without its items, or with a wrong one, is refused', async t => {
  t.match(judgeAnswer('listGroups 200', { next: null }), {
    failure: 'the answer has no field "items"',
  })
  t.match(judgeAnswer('listGroups 200', { items: [1], next: null }), { failure: /^items 0 must be object/ })
})
