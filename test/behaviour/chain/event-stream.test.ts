import { readdirSync, rmSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import type { Outcome } from '../../../src/event.ts'
import { rigTest } from '../../support/rig.ts'
import { type ChainScript, runScript, type Script } from '../../support/scripted-chain.ts'
import { runs } from '../../support/tier.ts'

const statuses: Partial<Record<Outcome, number>> = { OK: 0, RETRY: 1, HALT: 2, EXIT: 3 }
const outcome = fc.constantFrom<Outcome>('OK', 'OK', 'OK', 'RETRY', 'RETRY', 'RETRY', 'HALT', 'EXIT')
const script: fc.Arbitrary<Script> = fc.record({
  outcomes: fc.array(outcome, { minLength: 1, maxLength: 4 }),
  max_tries: fc.integer({ min: 1, max: 4 }),
  required: fc.boolean(),
})
const anyChain: fc.Arbitrary<ChainScript> = fc.record({
  scripts: fc.array(script, { minLength: 1, maxLength: 5 }),
  retry_from: fc.constantFrom('beginning', 'failed'),
})

/** A task that ends as its script says, one try after another; the last goes for all that follow. */
function taskOf({ outcomes }: Script): string {
  const cases = outcomes.map(
    (outcome, at) => `${at === outcomes.length - 1 ? '*' : at + 1}) exit ${statuses[outcome]} ;;`,
  )
  return `echo x >> "$DIR/$RUNNER_TASK.$RUNNER_RUN_ID"
case $(wc -l < "$DIR/$RUNNER_TASK.$RUNNER_RUN_ID" | tr -d ' ') in
${cases.join('\n')}
esac`
}

rigTest(
  t,
  'for any chain the program does what the state machine does with pretended tries, and its stream of events is whole',
  {},
  async (t, rig) => {
    const property = fc.asyncProperty(anyChain, async chain => {
      for (const name of readdirSync(rig.path('tasks.d'))) rmSync(rig.path('tasks.d', name))
      for (const [at, script] of chain.scripts.entries()) rig.task(String(at), taskOf(script))
      rig.task('halt.sh', '')
      const sections = chain.scripts.map(
        ({ max_tries, required }, at) =>
          `[${at}]\nmax_tries = ${max_tries}\nrequired = ${required ? 'yes' : 'no'}\n`,
      )
      rig.configure({ retry_from: chain.retry_from }, sections.join(''))
      const run = await rig.finish()
      const { end, steps } = await runScript(chain)
      const expected = steps.flatMap(step => {
        if (step.did === 'try') return [`${step.task} ${step.tryNum} ${step.outcome}`]
        return step.did === 'halt' ? ['halt.sh 1 OK'] : []
      })
      const ends = run.all('try:ended').map(({ task, try_num, outcome }) => `${task} ${try_num} ${outcome}`)
      t.same(ends, expected)
      t.match(run.all('run:ended'), [{ reason: end.reason, tasks_done: end.done, exit_status: run.status }])
    })
    await fc.assert(property, { numRuns: runs(12), endOnFailure: true })
  },
)
