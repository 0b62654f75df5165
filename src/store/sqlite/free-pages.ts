import { SqliteConnection } from './engine.ts'

/**
 * Writes a database anew, beside connections that are idle: the free space of its pages can have copies of
 * what was there before. Needs about as much room again as the database has; throws a `StoreFailure`.
 */
export function dropFreePages(path: string): void {
  const connection = new SqliteConnection(path)
  try {
    connection.exec('VACUUM')
  } finally {
    connection.database.close()
  }
}
