/* The use cases of the server on a real store, in one process, with a clock that a test moves. */

import { join } from 'node:path'
import type { Test } from 'tap'
import type { Heartbeat, HeartbeatAnswer } from '../../src/protocol/messages/heartbeats.ts'
import type { Submit } from '../../src/protocol/messages/jobs.ts'
import type { Reservation } from '../../src/protocol/messages/reservations.ts'
import type { ResultMessage } from '../../src/protocol/messages/results.ts'
import { seal } from '../../src/protocol/seal.ts'
import { ok, type Result } from '../../src/result.ts'
import { abortExecution } from '../../src/server/operator-side/abort.ts'
import { submit } from '../../src/server/operator-side/submit.ts'
import type { Caller, Context, ServerSettings } from '../../src/server/rules/context.ts'
import type { Refusal } from '../../src/server/rules/refusal.ts'
import { acceptResult } from '../../src/server/runner-side/accept-result.ts'
import { appendLog } from '../../src/server/runner-side/append-log.ts'
import { confirm } from '../../src/server/runner-side/confirm.ts'
import { dispatch } from '../../src/server/runner-side/dispatch.ts'
import { heartbeat, type Link } from '../../src/server/runner-side/heartbeat.ts'
import { callerOf } from '../../src/server/state/caller.ts'
import { ensureGroup } from '../../src/server/state/groups.ts'
import { releaseDue } from '../../src/server/upkeep/release.ts'
import { Sweeper } from '../../src/server/upkeep/sweeper.ts'
import { openStore } from '../../src/store/open.ts'
import type { Reader } from '../../src/store/reader.ts'
import { type ExecutionRow, emptyToken } from '../../src/store/rows.ts'
import type { RunnerRow } from '../../src/store/runner-row.ts'
import type { Store, WriteOptions } from '../../src/store/store.ts'
import type { Topic } from '../../src/store/topic.ts'
import type { Writer } from '../../src/store/writer.ts'
import { makeContext } from './context.ts'
import { onEachDatabase } from './databases.ts'
import { resultOf } from './messages.ts'
import { connectedRunner } from './rows.ts'
import { askedBy, everything } from './server-caller.ts'

type Lease = Pick<Reservation, 'execution_id' | 'lease_id'>

const beginning = Date.UTC(2026, 0, 1)

/** Runs a test with a new rig on each database; `file` is tap itself. */
export function onEachStore(
  file: Test,
  title: string,
  body: (t: Test, rig: ServerRig) => Promise<void>,
  settings: Partial<ServerSettings> = {},
): void {
  onEachDatabase(file, title, async (t, database, dir) => {
    await using rig = await makeServerRig(database, dir, settings)
    await body(t, rig)
  })
}

/** Makes a rig; the key file of its store is in the directory. A clock of another rig goes on. */
export async function makeServerRig(
  database: string,
  directory: string,
  settings: Partial<ServerSettings> = {},
  clock = { wall: beginning, monotonic: 0 },
): Promise<ServerRig> {
  const opened = await openStore({
    database,
    keyFile: join(directory, 'server.key'),
    clock: { now: () => new Date(clock.wall), monotonic: () => clock.monotonic / 1000 },
  })
  if (!opened.ok) throw new Error(opened.failure.detail)
  const { store, keys } = opened.value
  return new ServerRig(store, { ...makeContext(settings), keys }, clock)
}

/** Names a runner of a rig and its session. */
export type Place = Pick<RunnerRow, 'id' | 'session'>

export class ServerRig implements AsyncDisposable {
  readonly store: Store
  readonly ctx: Context
  readonly clock: { wall: number; monotonic: number }
  readonly topics: Topic[] = []
  sweeper: Sweeper
  /** The data key of all runners. */
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

  /** Lets time pass with a sweep every five seconds, and one at the end; releases what has waited for its time. */
  async wait(seconds: number): Promise<void> {
    for (let left = seconds; left > 0; left -= 5) {
      this.pass(Math.min(5, left))
      await this.sweeper.sweep()
      await releaseDue(this.store)
    }
  }

  write<T>(writer: (tx: Writer) => Promise<T>, options: WriteOptions = { durable: false }): Promise<T> {
    return this.store.write(writer, options)
  }

  read<T>(reader: (tx: Reader) => Promise<T>): Promise<T> {
    return this.store.read(reader)
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.clock.wall
  }

  /** A call of a runner, as the routes make it: its session is looked at in the same writer. */
  call<T>(
    runner_id: string,
    session: number,
    work: (tx: Writer, caller: Caller) => Promise<Result<T, Refusal>>,
  ): Promise<Result<T, Refusal>> {
    const token = { id: runner_id, kind: 'runner' as const, name: '', hash: '', runner_id, session }
    return this.write(async tx => {
      const row = { ...emptyToken, ...token, created_at: 0 }
      const caller = await callerOf(tx, this.ctx, row, session, runner_id)
      return caller.ok ? work(tx, caller.value) : caller
    })
  }

  /** The reservations of a runner that asks for work. */
  async reserve(runner: Place, slots = 10, again = false): Promise<Reservation[]> {
    const { id, session } = runner
    const asking = { runner_id: id, session, slots, again }
    await this.call(id, session, async () => ok(undefined))
    return (await this.write(tx => dispatch(tx, this.ctx, [asking]))).get(runner.id) ?? []
  }

  confirm(runner: Place, { execution_id, lease_id }: Lease): Promise<Result<void, Refusal>> {
    return this.call(runner.id, runner.session, (tx, caller) =>
      confirm(tx, this.ctx, caller, execution_id, lease_id),
    )
  }

  /** A new execution that this runner has confirmed. */
  async start(runner: Place, definition: Partial<Submit> = {}): Promise<Reservation> {
    const id = await this.submit(definition)
    const reservation = (await this.reserve(runner)).find(one => one.execution_id === id)
    if (reservation === undefined) throw new Error('it was not handed out')
    const confirmed = await this.confirm(runner, reservation)
    if (!confirmed.ok) throw new Error(confirmed.failure.reason)
    return reservation
  }

  async heartbeat(
    runner: Place,
    executions: readonly string[] = [],
    more: Partial<Heartbeat & Link> = {},
  ): Promise<HeartbeatAnswer> {
    const { polling = false, clock_difference_seconds = null, ...message } = more
    const link = { polling, clock_difference_seconds }
    const whole = { state: 'ready' as const, executors: [], free_slots: 0, ...message }
    const answer = await this.call(runner.id, runner.session, async (tx, caller) =>
      ok(await heartbeat(tx, this.ctx, caller, { ...whole, executions: [...executions] }, link)),
    )
    if (!answer.ok) throw new Error(answer.failure.reason)
    return answer.value
  }

  /** A result, by default that of an execution that succeeded and said nothing. */
  result(
    runner: Place,
    { execution_id, lease_id }: Lease,
    more: Partial<ResultMessage> = {},
    clockDifference: number | null = null,
  ): Promise<Result<void, Refusal>> {
    const message = resultOf(lease_id, new Date(this.clock.wall), more)
    return this.call(runner.id, runner.session, (tx, caller) =>
      acceptResult(tx, this.ctx, caller, execution_id, message, clockDifference),
    )
  }

  log(runner: Place, { execution_id, lease_id }: Lease, offset: number, bytes: string | Buffer) {
    const chunk = { execution_id, lease_id, offset, bytes: Buffer.from(bytes as string) }
    return this.call(runner.id, runner.session, (tx, caller) => appendLog(tx, this.ctx, caller, chunk))
  }

  abort(id: string) {
    return this.write(tx => abortExecution(tx, this.ctx, everything, id))
  }

  /** A runner whose first session is in force and has just called. */
  async addRunner(row: Partial<RunnerRow> = {}): Promise<RunnerRow> {
    const now = this.clock.wall
    const data_key = this.ctx.keys.sealAtRest(this.dataKey.toString('base64'))
    const runner = connectedRunner(now, { created_at: now, data_key, ...row })
    await this.write(async tx => {
      tx.putRunner(runner)
      await ensureGroup(tx, runner.said.runner_group)
    })
    return runner
  }

  /** A new execution; a failed attempt of it is followed by the next at once. */
  async submit(definition: Partial<Submit> = {}): Promise<string> {
    const by = askedBy()
    const body = { image: 'busybox', retry: { delay_seconds: 0 }, ...definition }
    const made = await this.write(tx => submit(tx, this.ctx, body, by))
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
