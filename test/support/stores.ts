import t from 'tap'
import { PostgresServer, postgresNeeds } from './postgres.ts'
import { type StoreKind, sqlite } from './server.ts'

/** One for all tests of a file, started with the first that needs it. */
let server: Promise<PostgresServer> | undefined
let databases = 0

function postgresServer(): Promise<PostgresServer> {
  if (server === undefined) {
    server = PostgresServer.start()
    t.teardown(async () => (await server)?.[Symbol.asyncDispose]())
  }
  return server
}

export const postgres: StoreKind = {
  name: 'PostgreSQL',
  needs: postgresNeeds,
  async open(rig) {
    const database = await (await postgresServer()).newDatabase(`test_${++databases}`)
    return { keys: { database, key_file: rig.path('state', 'server', 'key') }, close: async () => {} }
  },
}

/** Every kind of store there is. */
export const stores: StoreKind[] = [sqlite, postgres]
