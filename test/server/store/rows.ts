import { randomUUID } from 'node:crypto'
import type {
  DefinitionRow,
  ExecutionRow,
  JobRow,
  LogRow,
  RunnerRow,
  TokenRow,
} from '../../../src/server/store/store.ts'
import { makeExecution, makeRunner } from '../../support/server-rows.ts'

/** Rows with nothing special about them, but for what a test says. */

export function execution(more: Partial<ExecutionRow> = {}): ExecutionRow {
  const id = more.id ?? randomUUID()
  return makeExecution({ id, created_at: 1, ...more })
}

export function definition(group: string = randomUUID(), sealed = ''): DefinitionRow {
  return { group, body: { image: 'busybox' }, sealed }
}

export function job(name: string, sealed = ''): JobRow {
  return { name, body: { image: 'busybox' }, sealed }
}

/** One that has not called yet. */
export function runner(more: Partial<RunnerRow> = {}): RunnerRow {
  const unheard = { session: 0, seen_until: 0, reserve_until: 0 }
  return makeRunner({ id: randomUUID(), created_at: 1, ...unheard, ...more })
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
