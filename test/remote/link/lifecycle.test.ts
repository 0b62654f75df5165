import fc from 'fast-check'
import t from 'tap'
import type { AttachedSettings } from '../../../src/protocol/messages/registration.ts'
import {
  type Directive,
  isOver,
  type Life,
  type LifecycleStep,
  next,
} from '../../../src/remote/link/lifecycle.ts'

// Of the settings only this one decides what follows.
const settings = (enabled: boolean) => ({ enabled }) as AttachedSettings
const directive = (enabled: boolean, role: Directive['role'] = null): Directive => ({
  settings: settings(enabled),
  role,
})
const after = (...steps: LifecycleStep[]) => steps.reduce<Life>(next, { state: 'starting' }).state

const step: fc.Arbitrary<LifecycleStep> = fc.oneof(
  fc.constantFrom<LifecycleStep>(
    { step: 'begin' },
    { step: 'channel-lost' },
    { step: 'token-lost' },
    { step: 'drain' },
    { step: 'stop' },
    { step: 'delete' },
    { step: 'supersede' },
  ),
  fc.record({
    step: fc.constant('directive' as const),
    directive: fc
      .tuple(fc.boolean(), fc.constantFrom('leader', 'standby', null))
      .map(([on, role]) => directive(on, role)),
  }),
)

t.test('a runner goes through the states of its diagram', async t => {
  const begin: LifecycleStep = { step: 'begin' }
  const ready: LifecycleStep = { step: 'directive', directive: directive(true) }
  t.equal(after(begin), 'registering')
  t.equal(after(begin, ready), 'ready')
  t.equal(after(begin, ready, { step: 'channel-lost' }), 'reconnecting')
  t.equal(after(begin, ready, { step: 'channel-lost' }, ready), 'ready')
  t.equal(after(begin, { step: 'directive', directive: directive(true, 'leader') }), 'ready')
  t.equal(after(begin, { step: 'directive', directive: directive(true, 'standby') }), 'standby')
  t.equal(after(begin, { step: 'directive', directive: directive(false, 'leader') }), 'disabled')
  t.equal(after(begin, ready, { step: 'token-lost' }), 'registering')
  t.equal(after(begin, { step: 'heartbeat', directive: directive(true) }), 'ready')
  t.equal(
    after(begin, ready, { step: 'channel-lost' }, { step: 'heartbeat', directive: directive(true) }),
    'reconnecting',
  )
  t.equal(after(begin, { step: 'channel-lost' }), 'registering', 'there was no channel to lose')
})

t.test('a drain lasts until it is over, whatever the server says', async t => {
  const draining: Life = { state: 'draining', directive: directive(true) }
  const steps: LifecycleStep[] = [
    { step: 'directive', directive: directive(true) },
    { step: 'channel-lost' },
    { step: 'token-lost' },
    { step: 'drain' },
  ]
  for (const one of steps) t.equal(next(draining, one).state, 'draining')
  t.equal(next(draining, { step: 'stop' }).state, 'stopped')
  t.equal(next(draining, { step: 'delete' }).state, 'deleted')
  t.equal(next({ state: 'ready', directive: directive(true) }, { step: 'drain' }).state, 'draining')
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
        if (life.state === 'ready' && (!life.directive.settings.enabled || life.directive.role === 'standby'))
          return false
      }
      return true
    }),
  )
})
