import { join } from 'node:path'
import type { Test } from 'tap'
import { postgresNeeds } from './postgres.ts'
import { testWith } from './require.ts'
import { isFull } from './tier.ts'
import { newDatabase } from './tier-databases.ts'

type Body = (t: Test, database: string, dir: string) => Promise<void>

/** Runs a test on a new database of this tier, with a directory beside it; the plain one has tried SQLite. */
export function onEachDatabase(file: Test, title: string, body: Body): void {
  if (isFull) onPostgres(file, title, body)
  else onSqlite(file, title, body)
}

/**
 * Runs a test that tries more with SQLite, too, in the real tier: on a new database of every kind that this
 * tier has.
 */
export function onEveryDatabase(file: Test, title: string, body: Body): void {
  onSqlite(file, title, body)
  if (isFull) onPostgres(file, title, body)
}

function onSqlite(file: Test, title: string, body: Body): void {
  file.test(`${title} (SQLite)`, async t => {
    const dir = t.testdir({})
    await body(t, `sqlite:${join(dir, 'server.db')}`, dir)
  })
}

function onPostgres(file: Test, title: string, body: Body): void {
  testWith(file, `${title} (PostgreSQL)`, postgresNeeds, async t =>
    body(t, await newDatabase(file), t.testdir({})),
  )
}
