import fc from 'fast-check'
import t from 'tap'
import { groupOf } from '../../../src/server/rules/effective.ts'
import { candidacy, eligibility, roleOf } from '../../../src/server/rules/eligibility.ts'
import { elect } from '../../../src/server/state/election.ts'
import type { GroupRow } from '../../../src/store/rows.ts'
import type { RunnerRow } from '../../../src/store/runner-row.ts'
import { anyRunners, connectedRunner, group, testId } from '../../support/rows.ts'

const now = 1000
const id = fc.option(fc.integer({ min: 1, max: 30 }).map(testId))
const anyGroup: fc.Arbitrary<GroupRow> = fc
  .record({ leader_runner_id: id, pinned_runner_id: id })
  .map(ids => group(ids))

/** Checks the property for any group and its runners. */
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
    const leader = elect(group(), runners, now)
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
  t.strictSame(candidacy(connectedRunner(now, silent), now), ['disconnected'])
  t.strictSame(candidacy(connectedRunner(now, { ...silent, reserve_until: 1001 }), now), [])
  t.strictSame(candidacy(connectedRunner(now, { ...silent, free_slots: 0 }), now), [])
})

t.test('a runner is told what it is, and what keeps it from work', async t => {
  const leader = connectedRunner(now)
  const other = connectedRunner(now, { set: { enabled: false } })
  const led = group({ leader_runner_id: leader.id })
  t.equal(roleOf(leader, led), 'leader')
  t.equal(roleOf(other, led), 'standby')
  t.equal(roleOf(leader, { ...led, mode: 'all' }), null)
  t.strictSame(eligibility(other, led, now), ['disabled', 'standby'])
})
