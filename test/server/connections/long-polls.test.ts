import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import { LongPolls, type Turn } from '../../../src/server/connections/long-polls.ts'
import { token } from '../../support/rows.ts'
import { allDone, hop, longest, response } from '../../support/turns.ts'

const fail = (error: unknown) => {
  throw error
}

t.test('whenever something is queued, those who wait are offered it (actions/runner#1857)', async t => {
  for (let hops = 0; hops < longest; hops++) {
    const stop = new AbortController()
    const rounds: Turn[][] = []
    const serve = async (turns: readonly Turn[]) => {
      rounds.push([...turns])
      return { answers: new Map(), classes: new Map(), left: [] }
    }
    const polls = new LongPolls(serve, systemClock, stop.signal, fail)
    const held = response()
    polls.wait({
      runner_id: 'r',
      token: token({ session: 1 }),
      session: 1,
      slots: 1,
      request_id: 'q',
      response: held,
      until: Infinity,
    })
    await hop(hops)
    polls.wake({ about: 'queue', queue: 'default ' })
    await allDone()
    const offered = rounds.flat().some(({ again }) => again)
    t.ok(offered, `${hops} turns later`)
    stop.abort()
  }
})
