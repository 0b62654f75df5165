import fc from 'fast-check'
import t from 'tap'
import { elect } from '../../src/server/election.ts'
import { candidacy, eligibility, roleOf } from '../../src/server/eligibility.ts'
import { groupOf } from '../../src/server/runner-facts.ts'
import type { GroupRow, RunnerRow } from '../../src/server/store/store.ts'
import { anyRunners, makeGroup, makeRunner, testId } from '../support/server-rows.ts'

const now = 1000
const id = fc.option(fc.integer({ min: 1, max: 30 }).map(testId))
const anyGroup: fc.Arbitrary<GroupRow> = fc
  .record({ leader_runner_id: id, pinned_runner_id: id })
  .map(ids => makeGroup(ids))

/** What the property says of any group and its runners. */
function always(holds: (group: GroupRow, runners: RunnerRow[], leader: string | null) => boolean): void {
  fc.assert(
    fc.property(anyGroup, anyRunners, (group, runners) => holds(group, runners, elect(group, runners, now))),
    { numRuns: 1000 },
  )
}

const mayLead = (runner: RunnerRow) => groupOf(runner) === 'default' && candidacy(runner, now).length === 0

t.test(
  'only a runner of the group that may take work leads it, and there is a leader if there is one',
  async t => {
    always((_, runners, leader) => {
      const candidates = runners.filter(mayLead)
      return leader === null ? candidates.length === 0 : candidates.some(runner => runner.id === leader)
    })
    t.pass()
  },
)

t.test('no runner leads that is tainted, dead, draining, gone, disabled, unhealthy or deleted', async t => {
  always((_, runners, leader) => {
    const runner = runners.find(runner => runner.id === leader)
    return (
      runner === undefined ||
      ((runner.set.taints ?? runner.said.taints).length === 0 &&
        runner.seen_until > now &&
        runner.state === 'ready' &&
        runner.set.enabled !== false &&
        (runner.unhealthy_until ?? 0) <= now &&
        runner.deleted_at === null)
    )
  })
  t.pass()
})

t.test('a leader who may go on goes on, unless another one is pinned', async t => {
  always((group, runners, leader) => {
    const today = runners.find(runner => runner.id === group.leader_runner_id)
    const pinned = runners.find(runner => runner.id === group.pinned_runner_id)
    if (pinned !== undefined && mayLead(pinned)) return leader === pinned.id
    return today === undefined || !mayLead(today) || leader === today.id
  })
  t.pass()
})

t.test('without a leader the oldest leads, and of several the one with the least id', async t => {
  always((_, runners) => {
    const leader = elect(makeGroup(), runners, now)
    const chosen = runners.find(runner => runner.id === leader)
    return runners
      .filter(mayLead)
      .every(
        other =>
          chosen!.created_at < other.created_at ||
          (chosen!.created_at === other.created_at && chosen!.id <= other.id),
      )
  })
  t.pass()
})

t.test('electing again, or with the runners in another order, changes nothing', async t => {
  always((group, runners, leader) => {
    const elected = { ...group, leader_runner_id: leader }
    return (
      elect(group, runners.toReversed(), now) === leader &&
      elect(elected, runners.toReversed(), now) === leader
    )
  })
  t.pass()
})

t.test('where all may work nobody leads', async t => {
  always((group, runners) => elect({ ...group, mode: 'all' }, runners, now) === null)
  t.pass()
})

t.test('a runner that says it has free slots counts as connected only while it asks for work', async t => {
  const silent = { free_slots: 1, reserve_until: 1000 }
  t.strictSame(candidacy(makeRunner(silent, now), now), ['disconnected'])
  t.strictSame(candidacy(makeRunner({ ...silent, reserve_until: 1001 }, now), now), [])
  t.strictSame(candidacy(makeRunner({ ...silent, free_slots: 0 }, now), now), [])
})

t.test('a runner is told what it is, and what keeps it from work', async t => {
  const group = makeGroup({ leader_runner_id: testId(1) })
  t.equal(roleOf(makeRunner(), group), 'leader')
  t.equal(roleOf(makeRunner({ id: testId(2) }), group), 'standby')
  t.equal(roleOf(makeRunner(), { ...group, mode: 'all' }), null)
  t.strictSame(eligibility(makeRunner({ id: testId(2), set: { enabled: false } }, now), group, now), [
    'disabled',
    'standby',
  ])
})
