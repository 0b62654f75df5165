/* The use cases of the server on a real store, in one process, with a clock that a test moves. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Submit } from '../../src/protocol/messages.ts'
import { seal } from '../../src/protocol/seal.ts'
import type { Result } from '../../src/result.ts'
import type { Caller, Context, ServerSettings } from '../../src/server/context.ts'
import { ensureGroup } from '../../src/server/groups.ts'
import type { Refusal } from '../../src/server/refusal.ts'
import { callerOf } from '../../src/server/session.ts'
import { openStore } from '../../src/server/store/open.ts'
import type { ExecutionRow, RunnerRow, Store, Topic, Writer } from '../../src/server/store/store.ts'
import { submit } from '../../src/server/submit.ts'
import { Sweeper } from '../../src/server/sweep.ts'
import { makeContext } from './context.ts'
import { makeRunner } from './server-rows.ts'

const beginning = Date.UTC(2026, 0, 1)

/** A store and what belongs to it; `database` is a path for SQLite, or a URL. */
export async function makeWorld(
  directory: string,
  settings: Partial<ServerSettings> = {},
  database = `sqlite:${join(directory, 'server.db')}`,
): Promise<World> {
  const clock = { wall: beginning, monotonic: 0 }
  const opened = await openStore({
    database,
    keyFile: join(directory, 'server.key'),
    clock: { now: () => new Date(clock.wall) },
  })
  if (!opened.ok) throw new Error(opened.failure.detail)
  const { store, keys } = opened.value
  return new World(store, { ...makeContext(settings), keys }, clock)
}

export class World implements AsyncDisposable {
  readonly store: Store
  readonly ctx: Context
  readonly clock: { wall: number; monotonic: number }
  readonly topics: Topic[] = []
  sweeper: Sweeper
  /** Of all runners. */
  readonly dataKey = Buffer.alloc(32, 7)

  constructor(store: Store, ctx: Context, clock: { wall: number; monotonic: number }) {
    this.store = store
    this.ctx = ctx
    this.clock = clock
    this.sweeper = this.restart()
    store.subscribe(topic => this.topics.push(topic))
  }

  /** A new process of the server, as far as the sweep goes. */
  restart(): Sweeper {
    this.sweeper = new Sweeper(this.store, this.ctx, () => this.clock.monotonic / 1000)
    return this.sweeper
  }

  /** Moves both clocks; no sweep. */
  pass(seconds: number): void {
    this.clock.wall += seconds * 1000
    this.clock.monotonic += seconds * 1000
  }

  /** Lets time pass with a sweep every five seconds, and one at the end. */
  async wait(seconds: number): Promise<void> {
    for (let left = seconds; left > 0; left -= 5) {
      this.pass(Math.min(5, left))
      await this.sweeper.sweep()
    }
  }

  write<T>(writer: (tx: Writer) => Promise<T>): Promise<T> {
    return this.store.write(writer, { durable: false })
  }

  /** A call of a runner, as the routes make it: its session is looked at in the same writer. */
  call<T>(
    runner_id: string,
    session: number,
    work: (tx: Writer, caller: Caller) => Promise<Result<T, Refusal>>,
  ): Promise<Result<T, Refusal>> {
    const token = { id: runner_id, kind: 'runner' as const, name: '', hash: '', runner_id, session }
    return this.write(async tx => {
      const row = { ...token, created_at: 0, expires_at: null, last_used_at: null }
      const caller = await callerOf(tx, this.ctx, row, session, runner_id)
      return caller.ok ? work(tx, caller.value) : caller
    })
  }

  /** A runner whose first session is in force and has just called. */
  async addRunner(row: Partial<RunnerRow> = {}): Promise<RunnerRow> {
    const now = this.clock.wall
    const data_key = this.ctx.keys.sealAtRest(this.dataKey.toString('base64'))
    const runner = makeRunner({ id: randomUUID(), created_at: now, data_key, ...row }, now)
    await this.write(async tx => {
      tx.putRunner(runner)
      await ensureGroup(tx, runner.said.runner_group)
    })
    return runner
  }

  async submit(definition: Partial<Submit> = {}): Promise<string> {
    const by = { token_id: 'token', body_sha256: '' }
    const made = await this.write(tx => submit(tx, this.ctx, { image: 'busybox', ...definition }, by))
    if (!made.ok) throw new Error(made.failure.reason)
    return made.value.id
  }

  /** An output, as a runner seals it. */
  seal(output: unknown): string {
    return seal(JSON.stringify(output), this.dataKey)
  }

  async execution(id: string): Promise<ExecutionRow> {
    const row = await this.store.read(tx => tx.execution(id))
    if (row === undefined) throw new Error(`no execution ${id}`)
    return row
  }

  async runner(id: string): Promise<RunnerRow> {
    const row = await this.store.read(tx => tx.runner(id))
    if (row === undefined) throw new Error(`no runner ${id}`)
    return row
  }

  async attempts(group: string): Promise<ExecutionRow[]> {
    const rows = await this.store.read(tx => tx.listExecutions({ group }, { limit: 100 }))
    return rows.toSorted((one, other) => one.attempt - other.attempt)
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.store[Symbol.asyncDispose]()
  }
}
