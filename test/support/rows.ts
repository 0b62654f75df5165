/* Rows of the store with nothing special about them, but for what a test says. */
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { executionStates } from '../../src/protocol/states.ts'
import {
  type DefinitionRow,
  type ExecutionRow,
  emptyExecution,
  emptyGroup,
  emptyJob,
  emptyLog,
  emptyToken,
  type GroupRow,
  type JobRow,
  type LogRow,
  type TokenRow,
} from '../../src/store/rows.ts'
import { emptyRunner, type RunnerRow } from '../../src/store/runner-row.ts'

/** An id that says which. */
export const testId = (number: number): string =>
  `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`

/** A queued execution, as a submit makes it. */
export function execution(more: Partial<ExecutionRow> = {}): ExecutionRow {
  const { id = randomUUID() } = more
  return {
    ...emptyExecution,
    id,
    group: id,
    kind: 'command',
    image: 'busybox',
    runner_group: 'default',
    state: 'queued',
    created_at: 1,
    ...more,
  }
}

export function definition(group: string = randomUUID(), sealed = ''): DefinitionRow {
  return { group, body: { image: 'busybox' }, sealed }
}

export function job(name: string, sealed = ''): JobRow {
  return { ...emptyJob, name, body: { image: 'busybox' }, sealed }
}

/** A runner that has not called yet. */
export function runner(more: Partial<RunnerRow> = {}): RunnerRow {
  return {
    ...emptyRunner,
    id: randomUUID(),
    name: 'one',
    version: '1',
    public_key: 'none',
    created_at: 1,
    said: { capabilities: [], runner_group: 'default', taints: [], metadata: {} },
    ...more,
  }
}

/** A runner of session 1 that has just called and may take work. */
export function connectedRunner(now: number, more: Partial<RunnerRow> = {}): RunnerRow {
  const until = now + 60_000
  return runner({ session: 1, seen_until: until, reserve_until: until, looked_at: now, ...more })
}

export function group(more: Partial<GroupRow> = {}): GroupRow {
  return { ...emptyGroup, name: 'default', mode: 'leader', ...more }
}

export function token(more: Partial<TokenRow> = {}): TokenRow {
  return {
    ...emptyToken,
    id: randomUUID(),
    kind: 'admin',
    name: 'a token',
    hash: randomUUID(),
    created_at: 1,
    ...more,
  }
}

export function log(execution_id: string, length: number, more: Partial<LogRow> = {}): LogRow {
  return { ...emptyLog, execution_id, length, ...more }
}

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
      connectedRunner(0, {
        id: testId(number),
        said: { capabilities: [], runner_group, taints, metadata: {} },
        set: { ...(operatorTaints && { taints: operatorTaints }), ...(enabled !== undefined && { enabled }) },
        ...row,
      }),
    ),
  { selector: ({ id }) => id, maxLength: 8 },
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
    return execution({
      id: testId(1),
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
