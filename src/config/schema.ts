/*
 * Every key that runner itself reads, as JSON Schema (draft 7): the validator, the types' defaults and the
 * reference page (scripts/reference.ts) come from here. Values are text, as they stand in the file; the name of
 * a definition says what the text means (load.ts).
 */

/** What a value's text means, with the pattern it must have. */
export const definitions = {
  seconds: { type: 'string', pattern: '^(\\d{1,12}(\\.\\d{0,9})?|\\.\\d{1,9})$' },
  factor: { type: 'string', pattern: '^(\\d{1,6}(\\.\\d{0,9})?|\\.\\d{1,9})$' },
  count: { type: 'string', pattern: '^0*[1-9]\\d{0,8}$' },
  size: { type: 'string', pattern: '^\\d{1,12}[kKMGT]?$' },
  flag: { type: 'string', pattern: '^(yes|no)$' },
  choice: { type: 'string', enum: ['beginning', 'failed'] },
  command: { type: 'string' },
  path: { type: 'string' },
  names: { type: 'string' },
  days: { type: 'string', pattern: '^\\d{1,6}(\\.\\d{0,9})?$' },
  address: { type: 'string', pattern: '^(\\[[0-9A-Fa-f:.%a-z]+\\]|[^\\s:\\[\\]/]*):\\d{1,5}$' },
  database: { type: 'string', pattern: '^(sqlite:.|postgres(ql)?://.)' },
  engine: { type: 'string', pattern: '^((unix://)?/.+|(tcp|http)://[^/]+:\\d{1,5}/?)$' },
  pull: { type: 'string', enum: ['missing', 'always', 'never'] },
  number: { type: 'string', pattern: '^(\\d{1,6}(\\.\\d{0,9})?|\\.\\d{1,9})$' },
  word: { type: 'string', pattern: '^\\S+$' },
  url: {
    type: 'string',
    pattern: '^(https?://)?(\\[[0-9A-Fa-f:.]+\\]|[^\\s/@?#:\\[\\]]+)(:\\d{1,5})?(/[^\\s?#]*)?$',
  },
  proxy: { type: 'string', pattern: '^https?://\\S+$' },
  name: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$' },
  title: { type: 'string', pattern: '^[^\\x00-\\x1f\\x7f]{1,256}$' },
  stopping: { type: 'string', enum: ['drain', 'detach'] },
} as const

export type Kind = keyof typeof definitions

/** What a person reads where a value does not have the form of its kind. */
export const kindTexts: Record<Kind, string> = {
  seconds: 'a number of seconds, 0 or more, such as 5 or 0.25',
  factor: 'a number, 0 or more, such as 1.14',
  count: 'a whole number, 1 or more',
  size: 'a number of bytes, or one with k, M, G or T behind it, such as 64M',
  flag: 'yes or no',
  choice: 'beginning or failed',
  command: 'a command, split into words as a shell does',
  path: 'a path',
  names: 'names with commas between them',
  days: 'a number of days, 0 or more',
  address: 'an address and a port, such as 127.0.0.1:8080, [::1]:8080 or :8080 for all addresses',
  database: 'sqlite:PATH or postgres://USER@HOST/NAME',
  engine: 'unix:///PATH or tcp://HOST:PORT',
  pull: 'missing, always or never',
  number: 'a number, such as 2 or 0.5',
  word: 'a word without spaces',
  url: 'the address of a server, such as https://runner.example:8080',
  proxy: 'http://HOST:PORT',
  name: 'letters, digits, dot, underscore and dash, at most 128',
  title: 'one line of at most 256 characters',
  stopping: 'drain or detach',
}

export interface Key {
  $ref: `#/definitions/${Kind}`
  default?: string
  description: string
}

/** The kind of a key's value. */
export function kindOf(key: Key): Kind {
  return key.$ref.slice(key.$ref.lastIndexOf('/') + 1) as Kind
}

const kind = (name: Kind): Key['$ref'] => `#/definitions/${name}`

/** Keys of `[runner]` that a task's own section may set for that task. */
const perTask = {
  max_time: { $ref: kind('seconds'), default: '600', description: 'Seconds a task may run; 0: for ever.' },
  max_tries: { $ref: kind('count'), default: '5', description: 'Tries before giving up.' },
  sleep_time: { $ref: kind('seconds'), default: '1', description: 'Seconds, least wait between tries.' },
  retry_jitter: {
    $ref: kind('seconds'),
    default: '30',
    description: 'Seconds, upper bound of the random part of the wait.',
  },
  backoff: {
    $ref: kind('factor'),
    default: '1.14',
    description:
      'The wait before try n+1 is backoff^n × (sleep_time + a random part of retry_jitter) seconds.',
  },
  kill_grace: {
    $ref: kind('seconds'),
    default: '10',
    description: 'Seconds between SIGTERM and SIGKILL.',
  },
  interpreter: {
    $ref: kind('command'),
    description:
      'Command to run tasks with, for systems without hashbangs; in `[runner]` also for the halt task.',
  },
} as const satisfies Record<string, Key>

const runnerOnly = {
  retry_from: {
    $ref: kind('choice'),
    default: 'beginning',
    description:
      'Where a new try begins: with the first task (`beginning`), or with the task that failed (`failed`).',
  },
  halt_task: {
    $ref: kind('path'),
    default: 'halt.sh',
    description: 'The halt task, a file in the task directory. It is no task of the chain.',
  },
  task_hook: {
    $ref: kind('command'),
    description: 'Command that runs before and after each try, with the stats as JSON for its last argument.',
  },
  hook_time: { $ref: kind('seconds'), default: '60', description: 'Seconds a hook may run; 0: for ever.' },
  include_dir: { $ref: kind('path'), description: 'Directory of further configuration files.' },
  task_dir: {
    $ref: kind('path'),
    default: 'tasks.d',
    description: 'Where the tasks are. A directory on the command line comes first.',
  },
  state_dir: {
    $ref: kind('path'),
    description:
      'Where runner keeps its records, mode 0700. Without it `/var/lib/runner` for root, for others `$XDG_STATE_HOME/runner`, else `~/.local/state/runner`. Not writable: a temporary one, with a warning.',
  },
  min_free: {
    $ref: kind('size'),
    default: '64M',
    description: 'Free disk below which old runs go first, and then output is shown but not kept.',
  },
  resume_across_boots: {
    $ref: kind('flag'),
    default: 'no',
    description: '`run --resume` goes on after any reboot, not only after one that a task asked for.',
  },
  reboot_command: {
    $ref: kind('command'),
    description:
      'Command that reboots the host. With it a status of 194 of a task asks for a reboot and for going on with the next task after it; without it 194 is a RETRY like any other.',
  },
  max_reboots: {
    $ref: kind('count'),
    default: '3',
    description: 'Reboots in a row that a chain may ask for.',
  },
  keep_runs: { $ref: kind('count'), default: '30', description: 'Runs of a task directory that are kept.' },
  log_limit: {
    $ref: kind('size'),
    default: '64M',
    description: 'How much of the output of one try is kept; of more, head and tail.',
  },
  metrics_file: {
    $ref: kind('path'),
    description:
      "File for node_exporter's textfile collector, written anew when a run begins, after each try and at its end.",
  },
} as const satisfies Record<string, Key>

const taskOnly = {
  depends_on: {
    $ref: kind('names'),
    description: 'Tasks that must be done before this one: file names or names, with commas between them.',
  },
  required: {
    $ref: kind('flag'),
    default: 'yes',
    description:
      '`no`: a failure repeats this task alone, up to its `max_tries`, and is then reported, and the chain goes on as if it were done.',
  },
} as const satisfies Record<string, Key>

const server = {
  listen: {
    $ref: kind('address'),
    default: '127.0.0.1:8080',
    description: 'Where the server listens. Beyond the loopback addresses it needs TLS.',
  },
  database: {
    $ref: kind('database'),
    description:
      'The store: `sqlite:PATH`, by default `server/server.db` in the state directory, or `postgres://…`.',
  },
  data_dir: {
    $ref: kind('path'),
    description:
      'Where tokens, key and audit log lie, mode 0700. By default beside the SQLite file; with PostgreSQL `server` in the state directory.',
  },
  key_file: {
    $ref: kind('path'),
    description:
      'The key under which the store keeps secrets: 32 bytes, mode 0600, made at the first start; by default `key` in `data_dir`. Required with PostgreSQL.',
  },
  tls_cert_file: {
    $ref: kind('path'),
    description: 'Certificate chain of the server in PEM; needs `tls_key_file`. Renewed: restart the server.',
  },
  tls_key_file: { $ref: kind('path'), description: 'Private key of the server in PEM.' },
  client_ca_file: {
    $ref: kind('path'),
    description:
      'Certificates in PEM of those who sign clients; then a client without such a certificate is refused.',
  },
  log_limit: {
    $ref: kind('size'),
    default: '64M',
    description: 'How much of the log of one execution is kept; of more, head and tail.',
  },
  retention_days: {
    $ref: kind('days'),
    default: '30',
    description: 'Days that ended executions and their logs are kept; 0: for ever.',
  },
  lease_seconds: {
    $ref: kind('seconds'),
    default: '60',
    description: 'Seconds that an execution stays with a runner that is not heard of.',
  },
  confirm_within_seconds: {
    $ref: kind('seconds'),
    default: '30',
    description: 'Seconds a runner has to confirm what it has reserved.',
  },
  late_result_seconds: {
    $ref: kind('seconds'),
    default: '86400',
    description: 'Seconds for which a lost execution may still come back.',
  },
  ping_interval_seconds: {
    $ref: kind('seconds'),
    default: '10',
    description: 'Seconds between two pings on a command channel.',
  },
  reserve_wait_seconds: {
    $ref: kind('seconds'),
    default: '50',
    description: 'Seconds that runners are told to wait for work in one call; at most 50.',
  },
} as const satisfies Record<string, Key>

const executor = {
  docker_host: {
    $ref: kind('engine'),
    description:
      "The socket of Docker or podman, on this host. Without it `DOCKER_HOST`, else Docker's usual socket, else podman's.",
  },
  images: {
    $ref: kind('names'),
    default: '*',
    description:
      'Patterns of the images that may run, such as `registry.example/ops/*`; `*` stands for anything.',
  },
  max_jobs_per_executor: {
    $ref: kind('count'),
    default: '100',
    description: 'Jobs after which a container that is used again is replaced.',
  },
  pull: {
    $ref: kind('pull'),
    default: 'missing',
    description: 'When to fetch an image from its registry: when it is not there, before each job, or never.',
  },
  memory: {
    $ref: kind('size'),
    default: '2G',
    description: 'Memory of a container; what is in its `/tmp` and `/dev/shm` counts.',
  },
  cpus: {
    $ref: kind('number'),
    default: '2',
    description: 'Processors of a container; no more than the host has.',
  },
  pids: { $ref: kind('count'), default: '512', description: 'Processes and threads of a container.' },
  network: {
    $ref: kind('word'),
    default: 'bridge',
    description: "The container's network: a name that the engine knows, or `none`.",
  },
  user: {
    $ref: kind('word'),
    description: "User, or user:group, of the job. Without it the image's own.",
  },
  read_only: {
    $ref: kind('flag'),
    default: 'no',
    description: "`yes`: the image's files cannot be changed; `/tmp`, `/dev/shm` and its volumes can.",
  },
  cap_add: {
    $ref: kind('names'),
    description: 'Capabilities that jobs get, such as `NET_RAW`; without it none.',
  },
  registry_auth_file: {
    $ref: kind('path'),
    description: 'Credentials of registries, in a file as `docker login` writes it.',
  },
  disk_limit: {
    $ref: kind('size'),
    default: '10G',
    description: 'Disk that one job may fill; it is ended when it has more.',
  },
  host_work_dir: {
    $ref: kind('word'),
    description:
      'Where the engine finds the work directory, if runner is in a container itself and the path is another one there.',
  },
} as const satisfies Record<string, Key>

const remote = {
  url: {
    $ref: kind('url'),
    description: 'The server that `runner attach` takes its work from; `--server` comes first.',
  },
  token_file: {
    $ref: kind('path'),
    description:
      'File with a registration token. It is read before each registration; later calls use a token of their own.',
  },
  name: {
    $ref: kind('title'),
    description: 'What people call this runner. Without it the name of the host.',
  },
  capabilities: {
    $ref: kind('names'),
    default: 'remote,remote-script,container',
    description:
      'What this runner can do: it gets jobs that ask for no more. Without remote-script no scripts.',
  },
  runner_group: {
    $ref: kind('name'),
    default: 'default',
    description: 'The group whose jobs it takes.',
  },
  taints: {
    $ref: kind('names'),
    description: 'Reasons to keep work away: as long as there is one it gets none, and is not elected.',
  },
  ca_file: {
    $ref: kind('path'),
    description: 'Certificates in PEM of those who may sign the server, instead of those that Node knows.',
  },
  cert_file: { $ref: kind('path'), description: 'Client certificate in PEM; needs `key_file`.' },
  key_file: { $ref: kind('path'), description: 'Private key of the client certificate in PEM.' },
  proxy: {
    $ref: kind('proxy'),
    description: 'Proxy to the server. Without it `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` hold.',
  },
  state_dir: {
    $ref: kind('path'),
    description:
      'Where identity and results that wait are kept, mode 0700; by default `remote` in that of `[runner]`.',
  },
  work_dir: {
    $ref: kind('path'),
    description: 'Where the directories of containers are; by default `work` in `state_dir`.',
  },
  drain_time: {
    $ref: kind('seconds'),
    default: '10800',
    description: 'Seconds that running jobs get to end when runner is asked to stop; then they are aborted.',
  },
  on_stop: {
    $ref: kind('stopping'),
    default: 'drain',
    description:
      'What a stop does with running jobs: wait for them (`drain`), or let them run on for the next start, which has an hour (`detach`).',
  },
  health_listen: {
    $ref: kind('address'),
    default: '127.0.0.1:8686',
    description: 'Where `/live`, `/ready` and `/metrics` are answered, by HTTP and for anybody.',
  },
} as const satisfies Record<string, Key>

export const serverKeys: Record<string, Key> = server
export const remoteKeys: Record<string, Key> = remote
export const executorKeys: Record<string, Key> = executor
export const runnerKeys: Record<string, Key> = { ...perTask, ...runnerOnly }
export const taskKeys: Record<string, Key> = { ...perTask, ...taskOnly }

export type PerTaskKey = keyof typeof perTask
export type RunnerKey = PerTaskKey | keyof typeof runnerOnly
export type ServerKey = keyof typeof server
export type RemoteKey = keyof typeof remote
export type ExecutorKey = keyof typeof executor
export type TaskKey = PerTaskKey | keyof typeof taskOnly
export const perTaskKeys = Object.keys(perTask) as PerTaskKey[]

/** Sections with a meaning of their own, which no task's section can have. */
export const reservedSections: readonly string[] = ['runner', 'env', 'remote', 'executor', 'server']

const section = (name: string, properties: Record<string, Key>) => ({
  $id: `https://runner.invalid/${name}.json`,
  $schema: 'http://json-schema.org/draft-07/schema#',
  definitions,
  type: 'object',
  properties,
})

export const runnerSchema = section('runner-section', runnerKeys)
export const serverSchema = section('server-section', serverKeys)
export const remoteSchema = section('remote-section', remoteKeys)
export const executorSchema = section('executor-section', executorKeys)
export const taskSchema = section('task-section', taskKeys)
export const envSchema = {
  $id: 'https://runner.invalid/env-section.json',
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  propertyNames: { pattern: '^[^=]+$' },
}
