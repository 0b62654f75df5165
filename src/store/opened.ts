import type { StoreEngine } from './engine.ts'

/** Why a store cannot be used. */
export interface StoreOpenFailure {
  reason:
    | 'database-invalid'
    /** A directory or file cannot be made, read or written. */
    | 'not-accessible'
    /** A file that is not a database, or the database of another program. */
    | 'not-a-store'
    | 'damaged'
    /** A newer program has migrated it. */
    | 'too-new'
    /** It has moved to another database. */
    | 'moved'
    /** A move into it was cut off. */
    | 'half-moved'
    /** Another server has it. */
    | 'in-use'
    | 'disk-full'
    /** PostgreSQL does not answer yet: another try may find it. */
    | 'unreachable'
    /** PostgreSQL does not let us in. */
    | 'refused'
    /** PostgreSQL is older than what is supported. */
    | 'too-old'
    | 'key-invalid'
    | 'failed'
  /** A sentence for a person; never has a password in it. */
  detail: string
}

/** An engine that is ready, and what gives the store back to others. */
export interface Opened {
  engine: StoreEngine
  release: () => void
}
