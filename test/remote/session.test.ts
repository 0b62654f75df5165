import fc from 'fast-check'
import t from 'tap'
import type { Settings } from '../../src/protocol/messages.ts'
import { isOver, type Life, next, type Step, type Word } from '../../src/remote/session.ts'

const settings = (enabled: boolean) => ({ enabled }) as Settings
const word = (enabled: boolean, role: Word['role'] = null): Word => ({ settings: settings(enabled), role })
const after = (...steps: Step[]) => steps.reduce<Life>(next, { state: 'starting' }).state

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom<Step>(
    { step: 'begin' },
    { step: 'channel-lost' },
    { step: 'token-lost' },
    { step: 'drain' },
    { step: 'stop' },
    { step: 'delete' },
    { step: 'supersede' },
  ),
  fc.record({
    step: fc.constant('word' as const),
    word: fc
      .tuple(fc.boolean(), fc.constantFrom('leader', 'standby', null))
      .map(([on, role]) => word(on, role)),
  }),
)

t.test('a runner goes through the states of its diagram', async t => {
  const begin: Step = { step: 'begin' }
  const ready: Step = { step: 'word', word: word(true) }
  t.equal(after(begin), 'registering')
  t.equal(after(begin, ready), 'ready')
  t.equal(after(begin, ready, { step: 'channel-lost' }), 'reconnecting')
  t.equal(after(begin, ready, { step: 'channel-lost' }, ready), 'ready')
  t.equal(after(begin, { step: 'word', word: word(true, 'leader') }), 'ready')
  t.equal(after(begin, { step: 'word', word: word(true, 'standby') }), 'standby')
  t.equal(after(begin, { step: 'word', word: word(false, 'leader') }), 'disabled')
  t.equal(after(begin, ready, { step: 'token-lost' }), 'registering')
  t.equal(after(begin, { step: 'heartbeat', word: word(true) }), 'ready')
  t.equal(
    after(begin, ready, { step: 'channel-lost' }, { step: 'heartbeat', word: word(true) }),
    'reconnecting',
  )
  t.equal(after(begin, { step: 'channel-lost' }), 'registering', 'there was no channel to lose')
})

t.test('a drain lasts until it is over, whatever the server says', async t => {
  const draining: Life = { state: 'draining', word: word(true) }
  for (const one of [
    { step: 'word', word: word(true) },
    { step: 'channel-lost' },
    { step: 'token-lost' },
    { step: 'drain' },
  ] as Step[])
    t.equal(next(draining, one).state, 'draining')
  t.equal(next(draining, { step: 'stop' }).state, 'stopped')
  t.equal(next(draining, { step: 'delete' }).state, 'deleted')
  t.equal(next({ state: 'ready', word: word(true) }, { step: 'drain' }).state, 'draining')
})

t.test('nothing follows an end, and nothing else is one', async () => {
  fc.assert(
    fc.property(fc.array(step), steps => {
      let life: Life = { state: 'starting' }
      for (const one of steps) {
        const before: Life = life
        life = next(life, one)
        if (isOver(before) && life !== before) return false
        if (isOver(life) && !isOver(before) && !['stop', 'delete', 'supersede'].includes(one.step))
          return false
        if (life.state === 'ready' && (!life.word.settings.enabled || life.word.role === 'standby'))
          return false
      }
      return true
    }),
  )
})
