import fc from 'fast-check'
import t from 'tap'
import type { Outcome } from '../../src/event.ts'
import { type ChainScript, runScript, type Script, type Step } from '../support/scripted-chain.ts'

const outcome = fc.constantFrom<Outcome>('OK', 'OK', 'OK', 'RETRY', 'RETRY', 'HALT', 'EXIT')
const script: fc.Arbitrary<Script> = fc.record({
  outcomes: fc.array(outcome, { minLength: 1, maxLength: 6 }),
  max_tries: fc.integer({ min: 1, max: 4 }),
  required: fc.boolean(),
})
const anyChain: fc.Arbitrary<ChainScript> = fc.record(
  {
    scripts: fc.array(script, { maxLength: 6 }),
    retry_from: fc.constantFrom('beginning', 'failed'),
    stopAt: fc.integer({ min: 1, max: 12 }),
  },
  { requiredKeys: ['scripts', 'retry_from'] },
)

/** Holds a property for any chain, except where `when` says that it does not apply. */
async function holds(
  check: (chain: ChainScript, ran: Awaited<ReturnType<typeof runScript>>) => boolean,
  when: (chain: ChainScript) => boolean = () => true,
): Promise<void> {
  const property = fc.asyncProperty(anyChain.filter(when), async chain =>
    check(chain, await runScript(chain)),
  )
  await fc.assert(property, { numRuns: 400 })
}

type Try = Extract<Step, { did: 'try' }>
const triesOf = (steps: readonly Step[]) => steps.filter((step): step is Try => step.did === 'try')

t.test('no try number is above the max_tries of the task that fails', async t => {
  await holds(({ scripts }, { steps }) =>
    triesOf(steps).every(
      ({ task, tryNum, outcome }) => outcome !== 'RETRY' || tryNum <= mostTries(scripts, task),
    ),
  )
  t.pass()
})

/** With `beginning` the tries of a chain may be more than those of a task that failed earlier. */
function mostTries(scripts: readonly Script[], task: number): number {
  const { required, max_tries } = scripts[task]!
  return required
    ? Math.max(...scripts.filter(script => script.required).map(script => script.max_tries))
    : max_tries
}

t.test('a required task gives up when its try number reaches its own max_tries', async t => {
  await holds(({ scripts }, { end, steps }) => {
    const last = triesOf(steps).at(-1)
    const given =
      end.reason !== 'gave-up' ||
      (last!.outcome === 'RETRY' && last!.tryNum >= scripts[last!.task]!.max_tries)
    const early = triesOf(steps).slice(0, -1)
    return (
      given &&
      early.every(
        ({ task, tryNum, outcome }) =>
          outcome !== 'RETRY' || !scripts[task]!.required || tryNum < scripts[task]!.max_tries,
      )
    )
  })
  t.pass()
})

t.test('with retry_from = failed a task that was OK is never run again, and each counts from 1', async t => {
  await holds(
    (_, { steps }) => {
      const tries = triesOf(steps)
      return tries.every((step, at) => {
        const before = tries[at - 1]
        if (before === undefined) return step.task === 0 && step.tryNum === 1
        if (before.task === step.task) return before.outcome === 'RETRY' && step.tryNum === before.tryNum + 1
        return step.task === before.task + 1 && step.tryNum === 1
      })
    },
    ({ retry_from }) => retry_from === 'failed',
  )
  t.pass()
})

t.test('with retry_from = beginning each pass starts at the first task and leaves none out', async t => {
  await holds(
    ({ scripts }, { steps }) => {
      let pass = 1
      let next = 0
      return triesOf(steps).every(({ task, tryNum, outcome }, at, tries) => {
        const { required } = scripts[task]!
        const again =
          !required && tries[at - 1]?.task === task && tries[at - 1]?.outcome === 'RETRY' && tryNum > 1
        const right = again || (task === next && tryNum === (required ? pass : 1))
        next = task + 1
        if (required && outcome === 'RETRY') {
          next = 0
          pass++
        }
        return right
      })
    },
    ({ retry_from }) => retry_from === 'beginning',
  )
  t.pass()
})

t.test('a task that is not required ends the chain only by HALT and EXIT', async t => {
  await holds(({ scripts, stopAt }, { end }) => {
    const optional = end.task !== undefined && !scripts[Number(end.task)]!.required
    return (
      !optional || ['halted', 'exited', ...(stopAt === undefined ? [] : ['interrupted'])].includes(end.reason)
    )
  })
  t.pass()
})

t.test('the end of the chain is what its last try came to', async t => {
  const reasons: Record<Outcome, string> = {
    OK: 'succeeded',
    RETRY: 'gave-up',
    HALT: 'halted',
    EXIT: 'exited',
    REBOOT: 'reboot',
    INTERRUPTED: 'interrupted',
  }
  await holds(
    ({ scripts }, { end, steps }) => {
      const last = triesOf(steps).at(-1)
      if (last === undefined) return end.reason === 'succeeded' && end.done === 0
      const passed = last.outcome === 'RETRY' && !scripts[last.task]!.required
      return (
        end.reason === reasons[passed ? 'OK' : last.outcome] &&
        end.done === last.task + (end.reason === 'succeeded' ? 1 : 0)
      )
    },
    ({ stopAt }) => stopAt === undefined,
  )
  t.pass()
})

t.test(
  'the halt task runs once after HALT and after giving up, as the last step, and never else',
  async t => {
    await holds((_, { end, steps }) => {
      const halts = steps.filter(step => step.did === 'halt').length
      const expected = end.reason === 'halted' || end.reason === 'gave-up'
      return expected ? halts === 1 && steps.at(-1)!.did === 'halt' : halts === 0
    })
    t.pass()
  },
)

t.test('a wait lies between two tries that follow a failure, and nowhere else', async t => {
  await holds((_, { steps }) => {
    const acts = steps.filter(step => step.did === 'try' || step.did === 'wait')
    return acts.every((step, at) => {
      if (step.did === 'try') return true
      const before = acts[at - 1]
      return before?.did === 'try' && before.outcome === 'RETRY' && step.seconds === 1
    })
  })
  t.pass()
})

t.test('a signal ends the chain as interrupted at once', async t => {
  await holds(
    ({ stopAt }, { end, steps }) => {
      const acts = steps.filter(step => step.did === 'try' || step.did === 'wait')
      return acts.length < stopAt! || (end.reason === 'interrupted' && acts.length === stopAt)
    },
    ({ stopAt }) => stopAt !== undefined,
  )
  t.pass()
})

t.test('a task that is given up is told of once, with its tries', async t => {
  await holds(({ scripts }, { end, steps }) => {
    const told = steps.flatMap(step =>
      step.did === 'tell' && step.event.event === 'task:given-up' ? step.event : [],
    )
    const right = told.every(({ task, tries, required }) => {
      const script = scripts[Number(task)]!
      return (
        script.required === required && (required ? tries >= script.max_tries : tries === script.max_tries)
      )
    })
    return right && told.filter(({ required }) => required).length === (end.reason === 'gave-up' ? 1 : 0)
  })
  t.pass()
})

t.test('a try that leaves what SIGKILL does not end makes the chain give up', async t => {
  for (const required of [true, false]) {
    const scripts: Script[] = [{ outcomes: ['RETRY'], max_tries: 3, required }]
    const { end, steps } = await runScript({ scripts, retry_from: 'beginning', unkillable: 0 })
    t.equal(end.reason, 'gave-up')
    t.equal(triesOf(steps).length, 1, 'nothing is tried on top of it')
    t.equal(steps.at(-1)?.did, 'halt')
    t.match(
      steps,
      [{}, { did: 'tell', event: { event: 'task:given-up', tries: 1, required: true } }],
      'and says so',
    )
  }
})
