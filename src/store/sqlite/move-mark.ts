/* The mark of a store that has moved away (moved.ts): a row, and a version that no release knows. */
import { type MovedTo, markRow, movedToIn, movedToKey, movedVersion } from '../moved.ts'
import { selectFrom } from '../tables.ts'
import type { SqliteConnection } from './engine.ts'

const versionOf = (connection: SqliteConnection) =>
  connection.run('PRAGMA user_version')[0]!.user_version as number

/** The version of the tables, moved or not. */
export const tablesVersion = (connection: SqliteConnection): number => versionOf(connection) % movedVersion

/** Where the store of a connection has moved; undefined: it has not. */
export function moveOf(connection: SqliteConnection): MovedTo | undefined {
  if (versionOf(connection) < movedVersion) return undefined
  const [row] = connection.run(selectFrom('meta', 'WHERE id = $1'), movedToKey)
  return row === undefined ? { id: '', to: 'a database', at: 'a time that is not known' } : movedToIn(row)
}

/** Puts the mark, or takes it away where there is none to be; on disk when this returns. */
export function setMove(connection: SqliteConnection, mark: MovedTo | undefined): void {
  connection.exec('PRAGMA synchronous = FULL; BEGIN IMMEDIATE')
  const version = tablesVersion(connection)
  connection.run('DELETE FROM meta WHERE id = $1', movedToKey)
  if (mark !== undefined) connection.put('meta', [markRow(movedToKey, mark)])
  connection.exec(`PRAGMA user_version = ${mark === undefined ? version : movedVersion + version}; COMMIT`)
}
