import t from 'tap'
import { SendRate } from '../../../src/server/notify/send-rate.ts'

t.test('twenty messages may go in a minute', async t => {
  let now = 0
  const rate = new SendRate({ monotonic: () => now })
  for (let sent = 0; sent < 20; sent++) {
    t.equal(rate.left(), 20 - sent)
    t.equal(rate.wait(), 0)
    rate.count()
    now += 1
  }
  t.equal(rate.left(), 0)
  t.equal(rate.wait(), 40)
  now += 40
  t.equal(rate.wait(), 0)
  t.equal(rate.left(), 1)
})
