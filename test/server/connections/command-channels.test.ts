import t from 'tap'
import type { ChannelState } from '../../../src/protocol/messages/channel.ts'
import { CommandChannels } from '../../../src/server/connections/command-channels.ts'
import { allDone, hop, longest, response } from '../../support/turns.ts'

const fail = (error: unknown) => {
  throw error
}

t.test('whenever something of a runner changes, its channel tells', async t => {
  for (let hops = 0; hops < longest; hops++) {
    let abort: string[] = []
    let looks = 0
    // Any settings will do: they stay the same here, and a channel compares them as a text.
    const state = () => ({ settings: {}, role: null, abort, scripts: [] }) as unknown as ChannelState
    const channels = new CommandChannels(async () => {
      looks++
      return new Map([['r', state()]])
    }, fail)
    const held = response()
    const said: string[] = []
    held.write = text => said.push(String(text)) > 0
    channels.open(
      { runner_id: 'r', session: 1, token: { id: 't', expires_at: null, watched_at: 0 }, response: held },
      state(),
    )
    await hop(hops)
    abort = ['e']
    channels.wake({ about: 'runner', id: 'r' })
    await allDone()
    t.match(said.join(''), /event: abort/, `${hops} turns later, ${looks} looks`)
  }
})
