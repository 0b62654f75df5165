/*
 * The schema, step by step. A step that has been released is never changed; another one follows it. `TEXT` is text
 * that is compared by its bytes, `ORDERED` a column that counts the rows as they come.
 */

type Migration = string | { sqlite: string; postgres: string }

const keyed = (...names: string[]) =>
  names.map(name => `CREATE TABLE ${name} (id TEXT PRIMARY KEY, body TEXT NOT NULL);`).join('\n')

const migrations: Migration[][] = [
  [
    `CREATE TABLE executions (
      seq ORDERED, id TEXT NOT NULL UNIQUE, grp TEXT NOT NULL, job_name TEXT, kind TEXT NOT NULL, state TEXT NOT NULL,
      queue TEXT NOT NULL, priority integer NOT NULL, runner_id TEXT, deadline double precision,
      ended_at double precision, body TEXT NOT NULL);
    CREATE INDEX executions_state ON executions (state, seq);
    CREATE INDEX executions_job ON executions (job_name, seq) WHERE job_name IS NOT NULL;
    CREATE INDEX executions_group ON executions (grp, seq);
    CREATE INDEX executions_runner ON executions (runner_id, seq) WHERE runner_id IS NOT NULL;
    CREATE INDEX executions_queued ON executions (queue, priority DESC, seq)
      WHERE state = 'queued' AND kind <> 'script';
    CREATE INDEX executions_held ON executions (runner_id) WHERE state IN ('reserved', 'running', 'aborting');
    CREATE INDEX executions_active ON executions (job_name) WHERE job_name IS NOT NULL AND ended_at IS NULL;
    CREATE INDEX executions_due ON executions (deadline) WHERE deadline IS NOT NULL;
    CREATE INDEX executions_ended ON executions (ended_at) WHERE ended_at IS NOT NULL;

    CREATE TABLE runners (
      seq ORDERED, id TEXT NOT NULL UNIQUE, said_group TEXT NOT NULL, set_group TEXT, session integer NOT NULL,
      seen_until double precision NOT NULL, reserve_until double precision NOT NULL, back_until double precision,
      check_at double precision,      body TEXT NOT NULL);
    CREATE INDEX runners_due ON runners (check_at) WHERE check_at IS NOT NULL;
    CREATE INDEX runners_said ON runners (said_group);
    CREATE INDEX runners_set ON runners (set_group) WHERE set_group IS NOT NULL;

    CREATE TABLE tokens (
      seq ORDERED, id TEXT NOT NULL UNIQUE, hash TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, runner_id TEXT,
      session integer, created_at double precision NOT NULL, body TEXT NOT NULL);
    CREATE INDEX tokens_runner ON tokens (runner_id) WHERE runner_id IS NOT NULL;

    CREATE TABLE logs (
      id TEXT PRIMARY KEY, length double precision NOT NULL, complete integer NOT NULL, body TEXT NOT NULL);
    CREATE INDEX logs_incomplete ON logs (id) WHERE complete = 0;

    CREATE TABLE idempotency (id TEXT PRIMARY KEY, created_at double precision NOT NULL, body TEXT NOT NULL);
    CREATE INDEX idempotency_age ON idempotency (created_at);
    ${keyed('definitions', 'outputs', 'jobs', 'groups', 'meta')}`,
    {
      // What is to be removed beside the database once the transaction that says so is on disk.
      sqlite: `CREATE TABLE log_trash (
        log_id TEXT NOT NULL, start double precision NOT NULL, stop double precision NOT NULL);`,
      postgres: `CREATE TABLE log_chunks (
        log_id TEXT NOT NULL, start bigint NOT NULL, size integer NOT NULL, bytes bytea NOT NULL,
        PRIMARY KEY (log_id, start));
      ALTER TABLE log_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;`,
    },
  ],
]

const words = {
  sqlite: { TEXT: 'text', ORDERED: 'integer PRIMARY KEY' },
  postgres: { TEXT: 'text COLLATE "C"', ORDERED: 'bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY' },
}

/** The version that this program writes. */
export const newestVersion = migrations.length

/** The statements that lead from one version to the next, for an engine. */
export function migrationsFor(engine: 'sqlite' | 'postgres'): string[] {
  const { TEXT, ORDERED } = words[engine]
  return migrations.map(parts =>
    parts
      .map(part => (typeof part === 'string' ? part : part[engine]))
      .join('\n')
      .replace(/\bTEXT\b/g, TEXT)
      .replace(/\bORDERED\b/g, ORDERED),
  )
}
