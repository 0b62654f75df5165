/*
 * New, empty databases of PostgreSQL for the tests of a file. A whole tier has one PostgreSQL for all files, which
 * scripts/test.ts starts, for to make the files of one takes longer than most tests; a file that is named alone starts its own.
 */
import type { Test } from 'tap'
import { PostgresServer } from './postgres.ts'

/** The variable that gives the address of a tier's PostgreSQL to its files: RUNNER_TEST_POSTGRES. */
export const tierPostgres = 'RUNNER_TEST_POSTGRES'

let server: Promise<PostgresServer> | undefined
const made: string[] = []

/** The address of a new database, which is gone with the file. */
export async function newDatabase(file: Test): Promise<string> {
  server ??= startFor(file)
  const name = `test_${process.pid}_${made.length}`
  made.push(name)
  return (await server).newDatabase(name)
}

async function startFor(file: Test): Promise<PostgresServer> {
  const shared = process.env[tierPostgres]
  const server = shared ? PostgresServer.at(shared) : await PostgresServer.start()
  file.teardown(() => (shared ? server.dropDatabases(made) : server[Symbol.asyncDispose]()))
  return server
}
