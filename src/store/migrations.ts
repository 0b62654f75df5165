/*
 * The schema, step by step. A step that has been released is never changed; another one follows it. `TEXT` is
 * text that is compared by its bytes, `ORDERED` a column that counts the rows as they come.
 *
 * The number of steps is the version of a store, and the format of each row that is written into it
 * (tables.ts). A program refuses a store of a newer version, and shows a row of a newer format as unreadable.
 * A field that comes with a default (rows.ts) needs no step: an earlier release keeps what it does not know.
 * A row in `body` lacks the fields that have their default, and so must a statement read it.
 * A change that an earlier release would misread needs one, be it without a statement.
 */

type Migration = string | { sqlite: string; postgres: string }

const keyed = (...names: string[]) =>
  names.map(name => `CREATE TABLE ${name} (id TEXT PRIMARY KEY, body TEXT NOT NULL);`).join('\n')

const audit = `CREATE TABLE audit (
      id TEXT PRIMARY KEY, at double precision NOT NULL, token_id TEXT, token_name TEXT, call_name TEXT NOT NULL,
      namespace TEXT, object TEXT, body TEXT NOT NULL)`

/** Whether an entry is one of those that the index of times has. */
export const hundredth = "substr(id, 15) = '00'"

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
      // Logs that are to be removed from the disk after the transaction that says so is synced.
      sqlite: `CREATE TABLE log_trash (
        log_id TEXT NOT NULL, start double precision NOT NULL, stop double precision NOT NULL);`,
      postgres: `CREATE TABLE log_chunks (
        log_id TEXT NOT NULL, start bigint NOT NULL, size integer NOT NULL, bytes bytea NOT NULL,
        PRIMARY KEY (log_id, start));
      ALTER TABLE log_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;`,
    },
  ],
  [
    // Namespaces, which the release before would not keep apart. Most executions are in the default
    // namespace, and were not asked for by a submitter: these are in no index more.
    `ALTER TABLE executions ADD COLUMN namespace TEXT NOT NULL DEFAULT 'default';
    ALTER TABLE executions ADD COLUMN submitter TEXT;
    CREATE INDEX executions_namespace ON executions (namespace, seq) WHERE namespace <> 'default';
    CREATE INDEX executions_submitter ON executions (submitter, seq) WHERE submitter IS NOT NULL;`,
    // Names of runners, which are unique among those that are not deleted. A row that is damaged gets none.
    `ALTER TABLE runners ADD COLUMN name TEXT;
    CREATE INDEX runners_name ON runners (name) WHERE name IS NOT NULL;`,
    {
      sqlite: `UPDATE runners SET name = json_extract(body, '$.name')
        WHERE json_valid(body) AND json_type(body, '$.name') = 'text';`,
      postgres: `CREATE FUNCTION pg_temp.name_in(body text) RETURNS text LANGUAGE plpgsql AS $$
        BEGIN RETURN body::json ->> 'name'; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$;
      UPDATE runners SET name = pg_temp.name_in(body);
      DROP FUNCTION pg_temp.name_in(text);`,
    },
    // The audit log, in which rows are only added behind the last and removed before the first. With rowids:
    // without them SQLite gives each row of more than 1002 bytes a page of its own.
    `${audit};
    CREATE INDEX audit_at ON audit (at);`,
  ],
  [
    // Schedules, waits of executions, notices, counts, and the changes of the last minutes. A release before
    // would hand out executions that wait, and would drop the schedule of a job that it defines anew.
    `ALTER TABLE executions ADD COLUMN not_before double precision;
    ALTER TABLE executions ADD COLUMN late_at double precision;
    ALTER TABLE executions ADD COLUMN scheduled_for double precision;
    ALTER TABLE executions ADD COLUMN concurrency_key TEXT;
    ALTER TABLE executions ADD COLUMN catch_up TEXT;
    CREATE UNIQUE INDEX executions_scheduled ON executions (namespace, job_name, scheduled_for)
      WHERE scheduled_for IS NOT NULL;
    CREATE INDEX executions_not_before ON executions (not_before) WHERE not_before IS NOT NULL;
    CREATE INDEX executions_late ON executions (late_at) WHERE late_at IS NOT NULL;
    DROP INDEX executions_active;
    CREATE INDEX executions_active ON executions (namespace, job_name, seq)
      WHERE job_name IS NOT NULL AND ended_at IS NULL AND state <> 'queued.turn';
    CREATE INDEX executions_turn ON executions (namespace, job_name, seq) WHERE state = 'queued.turn';
    CREATE INDEX executions_turn_counted ON executions (namespace, job_name)
      WHERE state = 'queued.turn' AND catch_up IS NULL;
    CREATE INDEX executions_key ON executions (namespace, concurrency_key, grp)
      WHERE concurrency_key IS NOT NULL AND ended_at IS NULL AND state NOT IN ('queued.turn', 'queued.key');
    CREATE INDEX executions_key_turn ON executions (namespace, concurrency_key, priority DESC, seq)
      WHERE state = 'queued.key';

    CREATE TABLE schedules (
      id TEXT PRIMARY KEY, namespace TEXT NOT NULL, due_at double precision, stale integer NOT NULL,
      parked integer NOT NULL, body TEXT NOT NULL);
    CREATE INDEX schedules_due ON schedules (due_at) WHERE due_at IS NOT NULL;
    CREATE INDEX schedules_stale ON schedules (id) WHERE stale = 1;

    CREATE TABLE missed (
      id TEXT PRIMARY KEY, job TEXT NOT NULL, namespace TEXT NOT NULL, until double precision NOT NULL,
      body TEXT NOT NULL);
    CREATE INDEX missed_job ON missed (job, id);
    CREATE INDEX missed_until ON missed (until);

    CREATE TABLE notices (
      id TEXT PRIMARY KEY, target TEXT NOT NULL, namespace TEXT NOT NULL, state TEXT NOT NULL,
      next_at double precision, batch TEXT, created_at double precision NOT NULL, body TEXT NOT NULL);
    CREATE INDEX notices_due ON notices (target, next_at) WHERE next_at IS NOT NULL;
    CREATE INDEX notices_batch ON notices (batch) WHERE batch IS NOT NULL AND next_at IS NOT NULL;
    CREATE INDEX notices_state ON notices (state, id);
    CREATE INDEX notices_namespace ON notices (namespace, id) WHERE namespace <> 'default';
    CREATE INDEX notices_over ON notices (created_at) WHERE next_at IS NULL;
    ${keyed('buckets')}
    CREATE TABLE changes (id TEXT PRIMARY KEY, at double precision NOT NULL, body TEXT NOT NULL);`,
    // Browsers that have signed in, by whose token or person (`holder`), and the codes with which they may.
    ['browser_sessions', 'browser_codes']
      .map(
        name => `CREATE TABLE ${name} (
      id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, holder TEXT, until double precision NOT NULL,
      body TEXT NOT NULL);
    CREATE INDEX ${name}_holder ON ${name} (holder) WHERE holder IS NOT NULL;
    CREATE INDEX ${name}_until ON ${name} (until);`,
      )
      .join('\n'),
    // Each change waits for its entry: so only each hundredth entry is in the index of times (`auditSince`).
    `DROP INDEX audit_at;
    CREATE INDEX audit_at ON audit (at, id) WHERE ${hundredth};`,
  ],
]

const words = {
  sqlite: { TEXT: 'text', ORDERED: 'integer PRIMARY KEY' },
  postgres: { TEXT: 'text COLLATE "C"', ORDERED: 'bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY' },
}

/** The version that this program writes. */
export const newestVersion = migrations.length

/** A sentence for a person whose store, which `name` names, has a version that this program does not know. */
export const tooNewText = (name: string, version: number): string =>
  `${name} has version ${version}, and this program knows versions up to ${newestVersion}: ` +
  'use the newer program that has used it last, or a backup from before'

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
