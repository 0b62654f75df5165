import fc from 'fast-check'
import { executionStates } from '../../src/protocol/states.ts'
import type { ExecutionRow, GroupRow, RunnerRow } from '../../src/server/store/store.ts'

/** An id that says which. */
export const testId = (number: number): string =>
  `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`

/** A queued execution, as a submit makes it. */
export function makeExecution(row: Partial<ExecutionRow> = {}): ExecutionRow {
  return {
    id: testId(1),
    group: row.id ?? testId(1),
    attempt: 1,
    job_name: null,
    kind: 'command',
    image: 'busybox',
    runner_group: 'default',
    capabilities: [],
    priority: 0,
    concurrency: 'allow',
    retries_left: 0,
    state: 'queued',
    deadline: null,
    target_runner_id: null,
    runner_id: null,
    node_name: null,
    session: null,
    lease_id: null,
    unconfirmed: 0,
    created_at: 0,
    queue_until: null,
    started_at: null,
    finished_at: null,
    abort_at: null,
    exit_code: null,
    reason: null,
    error_message: null,
    next_id: null,
    previous_id: null,
    result: null,
    abort_timeout_seconds: null,
    ...row,
  }
}

/** A runner of session 1 that has just called and may take work. */
export function makeRunner(row: Partial<RunnerRow> = {}, now = 0): RunnerRow {
  return {
    id: testId(1),
    name: 'one',
    version: '1',
    public_key: 'none',
    created_at: 0,
    said: { capabilities: [], runner_group: 'default', taints: [], metadata: {} },
    set: {},
    session: 1,
    data_key: null,
    pending: [],
    seen_until: now + 60_000,
    reserve_until: now + 60_000,
    last_heartbeat_at: null,
    state: 'ready',
    back_until: null,
    free_slots: null,
    executors: [],
    clock_difference_seconds: null,
    misses: 0,
    unhealthy_until: null,
    looked_at: now,
    deleted_at: null,
    ...row,
  }
}

export const makeGroup = (row: Partial<GroupRow> = {}): GroupRow => ({
  name: 'default',
  mode: 'leader',
  leader_runner_id: null,
  pinned_runner_id: null,
  ...row,
})

/** Runners of all kinds at time 1000, most of which may take work. */
export const anyRunners: fc.Arbitrary<RunnerRow[]> = fc.uniqueArray(
  fc
    .record({
      number: fc.integer({ min: 1, max: 30 }),
      created_at: fc.integer({ min: 0, max: 5 }),
      runner_group: often('default', 'other'),
      taints: often<string[]>([], ['a']),
      operatorTaints: often<string[] | undefined>(undefined, [], ['b']),
      enabled: often<boolean | undefined>(undefined, false),
      seen_until: often(2000, 1000),
      free_slots: often(null, 0, 1),
      reserve_until: often(2000, 1000),
      state: often<RunnerRow['state']>('ready', 'draining', 'left'),
      unhealthy_until: often(null, 1000, 1001),
      deleted_at: often(null, 1),
    })
    .map(({ number, runner_group, taints, operatorTaints, enabled, ...row }) =>
      makeRunner({
        id: testId(number),
        said: { capabilities: [], runner_group, taints, metadata: {} },
        set: { ...(operatorTaints && { taints: operatorTaints }), ...(enabled !== undefined && { enabled }) },
        ...row,
      }),
    ),
  { selector: runner => runner.id, maxLength: 8 },
)

/** The first value mostly. */
function often<T>(value: T, ...others: T[]): fc.Arbitrary<T> {
  return fc.oneof({ arbitrary: fc.constant(value), weight: 6 }, fc.constantFrom(...others))
}

/** Executions in any state, with what belongs to it. */
export const anyExecution: fc.Arbitrary<ExecutionRow> = fc
  .record({
    state: fc.constantFrom(...executionStates),
    final: fc.boolean(),
    kind: fc.constantFrom('plugin' as const, 'command' as const, 'script' as const),
    retries_left: fc.integer({ min: 0, max: 3 }),
    unconfirmed: fc.integer({ min: 0, max: 12 }),
    queue_until: fc.option(fc.integer({ min: 0, max: 3000 })),
    linked: fc.boolean(),
    lease: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ final, linked, lease, ...row }) => {
    const ended = ['succeeded', 'failed', 'aborted', 'withdrawn'].includes(row.state)
    const over = ended || (row.state === 'lost' && final)
    const held = row.state !== 'queued' && row.state !== 'withdrawn'
    return makeExecution({
      ...row,
      deadline: over ? null : row.state === 'queued' ? row.queue_until : 1500,
      finished_at: over ? 900 : null,
      ...(held && { runner_id: testId(7), node_name: 'seven', session: 1, lease_id: testId(lease) }),
      next_id: row.state === 'lost' && !over && linked ? testId(2) : null,
      previous_id: row.state === 'queued' && linked ? testId(3) : null,
      result:
        (row.state === 'succeeded' || row.state === 'failed' || row.state === 'aborted') && final && held
          ? { lease_id: testId(lease), outcome: row.state, exit_code: 0, output_sha256: null }
          : null,
    })
  })
