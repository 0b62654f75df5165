import t from 'tap'
import { judgeAnswer } from '../../../src/protocol/client/answers.ts'
import { attachedSettings } from '../../support/answers.ts'

const lists = { leases: {}, abort: [], gone: [], unknown: [], scripts: [] }
const answer = { settings: attachedSettings, role: null, ...lists }

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
