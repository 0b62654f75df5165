import { join } from 'node:path'
import type { Test } from 'tap'
import type { Context } from '../../src/server/context.ts'
import { openStore } from '../../src/server/store/open.ts'
import type { Store } from '../../src/server/store/store.ts'
import { makeContext } from './context.ts'
import { PostgresServer, postgresNeeds } from './postgres.ts'
import { testWith } from './require.ts'

/** A new store, what use cases are given, and a clock that stands still until it is told to go on. */
export interface ServerRoom extends Pick<Store, 'write' | 'read'> {
  store: Store
  ctx: Context
  /** Milliseconds since the epoch. */
  now(): number
  /** Lets time pass, in milliseconds. */
  pass(milliseconds: number): void
}

type Body = (t: Test, room: ServerRoom) => Promise<void>

/** One for all tests of a file. */
let postgres: Promise<PostgresServer> | undefined
let databases = 0

/** Runs a test of use cases on a new store of each engine; `file` is tap itself. */
export function onEachStore(file: Test, title: string, body: Body): void {
  onEachDatabase(file, title, (t, database, dir) => inRoom(t, database, dir, body))
}

/** Runs a test on a new database of each engine, with a directory beside it. */
export function onEachDatabase(
  file: Test,
  title: string,
  body: (t: Test, database: string, dir: string) => Promise<void>,
): void {
  file.test(`${title} (SQLite)`, async t => {
    const dir = t.testdir({})
    await body(t, `sqlite:${join(dir, 'server.db')}`, dir)
  })
  testWith(file, `${title} (PostgreSQL)`, postgresNeeds, async t => {
    postgres ??= startFor(file)
    const database = await (await postgres).newDatabase(`room${++databases}`)
    await body(t, database, t.testdir({}))
  })
}

async function startFor(file: Test): Promise<PostgresServer> {
  const server = await PostgresServer.start()
  file.teardown(() => server[Symbol.asyncDispose]())
  return server
}

async function inRoom(t: Test, database: string, dir: string, body: Body): Promise<void> {
  let now = Date.UTC(2026, 0, 1)
  const keyFile = join(dir, 'server.key')
  const opened = await openStore({
    database,
    keyFile,
    clock: { now: () => new Date(now), monotonic: () => now / 1000 },
  })
  if (!opened.ok) throw new Error(opened.failure.detail)
  await using store = opened.value.store
  await body(t, {
    store,
    ctx: makeContext(),
    write: (writer, options) => store.write(writer, options),
    read: reader => store.read(reader),
    now: () => now,
    pass: milliseconds => {
      now += milliseconds
    },
  })
}
