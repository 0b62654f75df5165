import { randomUUID } from 'node:crypto'
import type {
  DefinitionRow,
  ExecutionRow,
  JobRow,
  LogRow,
  RunnerRow,
  TokenRow,
} from '../../../src/server/store/store.ts'

/** Rows with nothing special about them, but for what a test says. */

export function execution(more: Partial<ExecutionRow> = {}): ExecutionRow {
  const id = more.id ?? randomUUID()
  return {
    id,
    group: id,
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
    created_at: 1,
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
    ...more,
  }
}

export function definition(group: string = randomUUID(), sealed = ''): DefinitionRow {
  return { group, body: { image: 'busybox' }, sealed }
}

export function job(name: string, sealed = ''): JobRow {
  return { name, body: { image: 'busybox' }, sealed }
}

export function runner(more: Partial<RunnerRow> = {}): RunnerRow {
  const id = more.id ?? randomUUID()
  return {
    id,
    name: 'host',
    version: '1',
    public_key: '',
    created_at: 1,
    said: { capabilities: [], runner_group: 'default', taints: [], metadata: {} },
    set: {},
    session: 0,
    data_key: null,
    pending: [],
    seen_until: 0,
    reserve_until: 0,
    last_heartbeat_at: null,
    state: 'ready',
    back_until: null,
    free_slots: null,
    executors: [],
    clock_difference_seconds: null,
    misses: 0,
    unhealthy_until: null,
    looked_at: 0,
    deleted_at: null,
    ...more,
  }
}

export function token(more: Partial<TokenRow> = {}): TokenRow {
  return {
    id: randomUUID(),
    kind: 'admin',
    name: 'a token',
    hash: randomUUID(),
    created_at: 1,
    expires_at: null,
    last_used_at: null,
    runner_id: null,
    session: null,
    ...more,
  }
}

export function log(execution_id: string, length: number, more: Partial<LogRow> = {}): LogRow {
  return {
    execution_id,
    length,
    head: null,
    tail: null,
    scanned: 0,
    comments: [],
    status_line: null,
    final_length: null,
    final_sha256: null,
    masked: false,
    complete: false,
    ...more,
  }
}
