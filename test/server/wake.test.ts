import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { systemClock } from '../../src/edges.ts'
import type { ChannelState } from '../../src/protocol/messages.ts'
import { CommandChannels } from '../../src/server/command-channel.ts'
import { Polls, type Turn } from '../../src/server/polls.ts'
import type { TokenRow } from '../../src/server/store/store.ts'

/** More turns of the queue of microtasks than any end of a round takes. */
const longest = 30

const response = () => new ServerResponse(new IncomingMessage(new Socket()))
const fail = (error: unknown) => {
  throw error
}

async function hop(times: number): Promise<void> {
  for (let hops = 0; hops < times; hops++) await Promise.resolve()
}

const allDone = () => new Promise(setImmediate)

t.test('whenever something is queued, those who wait are offered it (actions/runner#1857)', async t => {
  for (let hops = 0; hops < longest; hops++) {
    const stop = new AbortController()
    const rounds: Turn[][] = []
    const serve = async (turns: readonly Turn[]) => {
      rounds.push([...turns])
      return { answers: new Map(), left: [] }
    }
    const polls = new Polls(serve, systemClock, stop.signal, fail)
    const token = { session: 1 } as TokenRow
    const held = response()
    polls.wait({
      runner_id: 'r',
      token,
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

t.test('whenever something of a runner changes, its channel tells', async t => {
  for (let hops = 0; hops < longest; hops++) {
    let abort: string[] = []
    let looks = 0
    const state = () => ({ settings: {}, role: null, abort, scripts: [] }) as unknown as ChannelState
    const channels = new CommandChannels(async () => {
      looks++
      return new Map([['r', state()]])
    }, fail)
    const held = response()
    const said: string[] = []
    held.write = text => said.push(String(text)) > 0
    channels.open({ runner_id: 'r', session: 1, token_id: 't', response: held }, state())
    await hop(hops)
    abort = ['e']
    channels.wake({ about: 'runner', id: 'r' })
    await allDone()
    t.match(said.join(''), /event: abort/, `${hops} turns later, ${looks} looks`)
  }
})
