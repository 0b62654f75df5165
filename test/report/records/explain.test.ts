import fc from 'fast-check'
import t from 'tap'
import type { Outcome } from '../../../src/event.ts'
import { foldRun } from '../../../src/journal/run-record.ts'
import { explain, explainText } from '../../../src/report/records/explain.ts'
import { type ChainAtOnce, runAtOnce } from '../../support/chain-at-once.ts'
import { beginningOf, endOf, journalOf } from '../../support/journal-at-once.ts'

const outcomes = fc.constantFrom<Outcome>('OK', 'OK', 'RETRY', 'RETRY', 'HALT', 'EXIT', 'REBOOT')
const chains = fc.array(
  fc.record({
    outcomes: fc.array(outcomes, { minLength: 1, maxLength: 3 }),
    max_tries: fc.integer({ min: 1, max: 3 }),
  }),
  { minLength: 1, maxLength: 6 },
)
const picks = fc.array(fc.nat(), { minLength: 1, maxLength: 12 })

/** The explanation of a run of tasks that all run at once. */
async function explained(chain: ChainAtOnce) {
  const { end, acts } = await runAtOnce(chain)
  return explain(foldRun(beginningOf(chain), [...journalOf(acts), endOf(end)]))
}

t.test('the explanation of a run does not depend on which of its tasks ended first', async t => {
  const property = fc.asyncProperty(chains, picks, picks, async (drawn, one, other) => {
    const scripts = drawn.map(script => ({
      ...script,
      required: true,
      order: 'free' as const,
      exclusive: false,
      dependencies: [],
    }))
    const chain = { scripts, parallel: 6, retry_from: 'beginning' as const }
    const texts = await Promise.all(
      [one, other].map(async picks => explainText(await explained({ ...chain, picks }))),
    )
    return texts[0] === texts[1]
  })
  await fc.assert(property, { numRuns: 300 })
  t.pass()
})

t.test('of several failures the explanation names the deciding one, and the others beside it', async t => {
  const script = { max_tries: 1, required: true, order: 'free' as const, exclusive: false, dependencies: [] }
  const facts = await explained({
    scripts: (['RETRY', 'OK', 'EXIT', 'RETRY'] as const).map(outcome => ({ ...script, outcomes: [outcome] })),
    parallel: 4,
    retry_from: 'failed',
    picks: [3, 2, 1, 0],
  })
  t.match(facts, {
    task: '0',
    ending: 'exit status 1',
    beside: [
      { task: '2', try_num: 1, what: 'exit status 3' },
      { task: '3', try_num: 1, what: 'exit status 1' },
    ],
  })
})
