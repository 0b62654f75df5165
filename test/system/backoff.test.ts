import fc from 'fast-check'
import t from 'tap'
import { waitAfter, waitFor } from '../../src/system/backoff.ts'

t.test('waits grow, never beyond a minute, and are never in step', async t => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      (count, random) => {
        const wait = waitAfter(count, random)
        return wait > 0 && wait <= 60 && wait <= waitAfter(count + 1, random)
      },
    ),
  )
  t.not(waitAfter(5, 0.1), waitAfter(5, 0.9))
  t.equal(waitFor(1, 0, { retry_after_seconds: 20 }), 20, 'as long as the server asks for')
  t.equal(waitFor(1, 0, { retry_after_seconds: 1e9 }), 60)
})
