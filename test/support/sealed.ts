import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { unseal } from '../../src/protocol/seal.ts'
import type { Rig } from './rig.ts'

/** The database that the configuration of a test names. */
export function databaseOf(rig: Rig): string {
  const [, named] = /^database = (.*)$/m.exec(readFileSync(rig.path('runner.cfg'), 'utf8')) ?? []
  return named ?? `sqlite:${rig.path('state', 'server', 'server.db')}`
}

/** Every text of every table of a database, also of a table that the store itself does not know of. */
async function everyText(database: string): Promise<{ table: string; text: string }[]> {
  const texts: { table: string; text: string }[] = []
  const take = (table: string, rows: object[]) => {
    for (const row of rows)
      for (const value of Object.values(row))
        if (typeof value === 'string' || value instanceof Uint8Array)
          texts.push({ table, text: Buffer.from(value as string).toString('latin1') })
  }
  if (database.startsWith('sqlite:')) {
    const sqlite = new DatabaseSync(database.slice('sqlite:'.length), { readOnly: true })
    const names = sqlite.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
    for (const { name } of names) take(String(name), sqlite.prepare(`SELECT * FROM ${name}`).all())
    sqlite.close()
    return texts
  }
  const client = new pg.Client(database)
  await client.connect()
  const names = await client.query(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'runner'",
  )
  for (const { name } of names.rows) take(name, (await client.query(`SELECT * FROM runner.${name}`)).rows)
  await client.end()
  return texts
}

/** The number of texts of each table that a key opens; a text may be a part of another one. */
export async function opensIn(database: string, key: Uint8Array): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { table, text } of await everyText(database))
    for (const [part] of text.matchAll(/[A-Za-z0-9+/]{43,}={0,2}/g))
      if (unseal(part, key).ok) counts[table] = (counts[table] ?? 0) + 1
  return counts
}
