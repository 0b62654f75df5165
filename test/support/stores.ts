import t from 'tap'
import { postgresNeeds } from './postgres.ts'
import { type StoreKind, sqlite } from './server.ts'
import { isFull } from './tier.ts'
import { newDatabase } from './tier-databases.ts'

export const postgres: StoreKind = {
  name: 'PostgreSQL',
  needs: postgresNeeds,
  async open(rig) {
    const database = await newDatabase(t)
    return { keys: { database, key_file: rig.path('state', 'server', 'key') }, close: async () => {} }
  },
}

/** The store of this tier: the plain one has tried SQLite. */
export const stores: StoreKind[] = isFull ? [postgres] : [sqlite]

/** Every kind of store that there is in this tier, for tests that go further with SQLite, too, in the real one. */
export const everyStore: StoreKind[] = isFull ? [sqlite, postgres] : [sqlite]
