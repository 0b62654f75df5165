import t from 'tap'
import type { ExecutorJob } from '../../../../src/remote/executors/executor.ts'
import { orderOf, signalNumber } from '../../../../src/remote/executors/host/job-order.ts'

const job: ExecutorJob = {
  id: 'a',
  command: ['echo', 'one'],
  env: { A: '1', HOME: '/srv' },
  secretEnv: { B: '2' },
  limit: 10,
  grace: 2,
}
const place = { nonce: 'n', unit: undefined, user: undefined, files: '/var/files' }

t.test('signals are given by name or number', async t => {
  const known = { SIGTERM: 15, TERM: 15, '15': 15, SIGABRT: 6, 'RTMIN+3': 37, 'SIGRTMAX-1': 63, RTMIN: 34 }
  for (const [text, number] of Object.entries(known)) t.equal(signalNumber(text), number, text)
  for (const text of ['', 'SIG', 'NONE', '0', '65', '-1', '999', 'RTMIN+99', 'RTMIN+', 'TERM ']) {
    t.equal(signalNumber(text), undefined, text)
  }
})

t.test('an order has the words of the job, and over a small environment its variables', async t => {
  const order = orderOf(job, place)
  t.match(order, {
    ok: true,
    value: { format: 1, nonce: 'n', words: ['echo', 'one'], limit: 10, grace: 2, signal: 15 },
  })
  t.same(order.ok && Object.keys(order.value.env).sort(), ['A', 'B', 'HOME', 'PATH'])
  t.match(order, { value: { env: { A: '1', B: '2', HOME: '/srv' } } })
})

t.test('a job without a command, with a NUL byte or with an unknown signal is refused', async t => {
  const reasons = [
    { ...job, command: undefined },
    { ...job, command: [''] },
    { ...job, command: ['a\0b'] },
    { ...job, secretEnv: { A: '\0' } },
    { ...job, signal: 'SIGNONE' },
  ].map(one => {
    const order = orderOf(one, place)
    return order.ok ? 'ok' : order.failure.reason
  })
  t.same(reasons, ['no-command', 'no-command', 'job-invalid', 'job-invalid', 'job-invalid'])
})
