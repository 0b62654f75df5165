/*
 * What runner, server and operator say to each other, as JSON Schema: the validators of both sides, the types and
 * the OpenAPI document come from here. Requests take no unknown field; answers may grow.
 */
import { type Static, type TSchema, type TString, Type } from 'typebox'
import { executionStates } from './states.ts'

const strict = { additionalProperties: false }
const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])
/** Marks an answer whose fields, and the items of its lists, are judged one by one: a wrong one is left out alone. */
const inParts = <S extends TSchema>(schema: S): S & { inParts: true } =>
  Object.defineProperty(schema, 'inParts', { value: true }) as S & { inParts: true }
const choice = <const T extends string>(values: readonly T[], description?: string) =>
  Type.Unsafe<T>({ type: 'string', enum: [...values], ...(description === undefined ? {} : { description }) })

/** RFC 3339, UTC, milliseconds. */
const Time = Type.String({
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$',
  description: 'RFC 3339 in UTC with milliseconds',
})
/** As clients may send it: fractions and offsets of any RFC 3339 form. */
const AnyTime = Type.String({
  pattern: '^\\d{4}-\\d{2}-\\d{2}[Tt]\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?([Zz]|[+-]\\d{2}:\\d{2})$',
  description: 'RFC 3339',
})
export const Id = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', description: 'UUID' })
export const Name = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
  description: 'letters, digits, dot, underscore and dash; at most 128',
})
const Capability = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$' })
const Capabilities = Type.Array(Capability, { maxItems: 64, uniqueItems: true })
const Taints = Type.Array(Type.String({ pattern: '^[\\x21-\\x7e]{1,128}$' }), {
  maxItems: 64,
  uniqueItems: true,
})
const Seconds = (maximum: number, minimum = 0) => Type.Number({ minimum, maximum })
const Base64 = Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' })
const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })
const Text = (maxLength: number) => Type.String({ maxLength })
const Image = Type.String({ minLength: 1, maxLength: 512, pattern: '^[\\x21-\\x7e]+$' })
/** What a process can be given as a word: no NUL, and no half of a surrogate pair. */
const Word = Type.String({ maxLength: 131_072, pattern: '^[^\\u0000\\ud800-\\udfff]*$' })
const Words = Type.Array(Word, { maxItems: 4096 })
const variables = <S extends TSchema>(value: S) =>
  Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,255}$' }), value, {
    additionalProperties: false,
  })
const Environment = variables(Word)
/** A secret, or what GET /v1/jobs shows in its place. */
const sealable = (clear: TString) =>
  Type.Union([clear, Type.String({ maxLength: 4_194_304, pattern: '^sealed:v1:[A-Za-z0-9+/]+={0,2}$' })], {
    description: 'a secret: shown, and taken again, as `sealed:v1:<base64>` under the key of the server',
  })
const Signal = Type.String({ pattern: '^SIG[A-Z0-9]{1,16}$' })

// ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────────

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'urn:runner:problem:<reason>; programs match on it' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.Optional(Type.String({ description: 'what was wrong, and what to do next' })),
    instance: Type.Optional(
      Type.String({ description: 'the id of the request, as in the log of the server' }),
    ),
    length: Type.Optional(
      Type.Integer({ description: 'of a log chunk with the wrong offset: the length so far' }),
    ),
  },
  { $id: 'Problem' },
)

/** Of an item whose row in the store, or a part of it, cannot be read: it is shown as that. */
const ShownProblem = Type.Optional(
  Type.String({ description: 'why it is not shown whole; there only where it is not' }),
)

// ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A property of a plugin's input or output; only what runner itself needs of it is checked, all else passes through. */
const Property = Type.Object({
  name: Type.String(),
  password: Type.Optional(nullable(Type.Boolean())),
  value: Type.Optional(Type.Unknown()),
  kind: Type.Optional(Type.Unknown()),
  category: Type.Optional(Type.Unknown({ description: 'any; `output`: the plugin sets it' })),
})

/** The input context of a plugin (the executor contract). */
export const InputContext = Type.Object(
  {
    release: Type.Optional(
      nullable(
        Type.Object({
          id: Type.Optional(Type.Unknown()),
          automatedTaskAsUser: Type.Optional(
            nullable(
              Type.Object({
                username: Type.Optional(Type.Unknown()),
                password: Type.Optional(nullable(Type.String())),
              }),
            ),
          ),
        }),
      ),
    ),
    task: Type.Object({
      id: Type.Optional(Type.Unknown()),
      type: Type.String({ minLength: 1, description: 'prefix.ClassName' }),
      properties: Type.Array(Property, { maxItems: 10_000 }),
    }),
  },
  {
    $id: 'InputContext',
    description:
      'fields that are not named here pass through; each secret in it is shown, and taken again, as `sealed:v1:<base64>`',
  },
)
export type InputContext = Static<typeof InputContext>

const definition = {
  kind: Type.Optional(choice(['plugin', 'command'], 'plugin where input is given')),
  image: Image,
  command: Type.Optional(
    Type.Array(Word, {
      minItems: 1,
      maxItems: 4096,
      description: "replaces the image's entry point and command",
    }),
  ),
  args: Type.Optional(Type.Array(Word, { maxItems: 4096, description: "replaces the image's command only" })),
  env: Type.Optional(Environment),
  secret_env: Type.Optional(variables(sealable(Word))),
  input: Type.Optional(InputContext),
  capabilities: Type.Optional(Capabilities),
  runner_group: Type.Optional(Name),
  priority: Type.Optional(Type.Integer({ minimum: -1000, maximum: 1000, description: 'higher first' })),
  retries: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
  max_time_seconds: Type.Optional(Seconds(31_536_000, 0.001)),
  max_queue_seconds: Type.Optional(Seconds(31_536_000, 0.001)),
  abort_timeout_seconds: Type.Optional(Seconds(86_400)),
  abort_signal: Type.Optional(Signal),
  concurrency: Type.Optional(choice(['allow', 'forbid'])),
  reuse: Type.Optional(
    choice(
      ['domain', 'job', 'never'],
      'which other job may have its container before or after it; the runner may be stricter',
    ),
  ),
}

/** A definition without a name, as `PUT /v1/jobs/{name}` takes it. */
export const JobBody = Type.Object(
  { name: Type.Optional(Name), ...definition },
  { $id: 'JobBody', ...strict },
)
/** A definition as a backup has it: passwords are sealed under the server's key (`sealed:v1:…`). */
export const Job = Type.Object({ name: Name, ...definition }, { $id: 'Job', ...strict })
export type JobBody = Static<typeof JobBody>
export type Job = Static<typeof Job>

/** A job as it is shown. One that is not shown whole cannot be restored: its field `problem` is refused. */
export const ShownJob = Type.Object({ ...Job.properties, problem: ShownProblem }, { $id: 'ShownJob' })
export type ShownJob = Static<typeof ShownJob>

/** A submit: a definition that need not have a name. */
export const Submit = Type.Object(
  { job_name: Type.Optional(Name), ...definition },
  { $id: 'Submit', ...strict },
)
export type Submit = Static<typeof Submit>

export const Restored = Type.Object(
  { restored: Type.Integer({ description: 'definitions that stand as the backup has them' }) },
  { $id: 'Restored' },
)

// ── executions ──────────────────────────────────────────────────────────────────────────────────────────────────

export const Execution = Type.Object(
  {
    id: Id,
    job_name: nullable(Name),
    group: Type.String({ description: 'the id of all attempts of one run' }),
    attempt: Type.Integer({ minimum: 1 }),
    kind: choice(['plugin', 'command', 'script']),
    image: Type.String(),
    state: choice(executionStates),
    success: nullable(Type.Boolean({ description: 'null until it has ended' })),
    created_at: Time,
    started_at: nullable(Time),
    finished_at: nullable(Time),
    output: Type.String({ description: 'the last 64 KiB of the log, as text' }),
    node_name: nullable(Type.String({ description: 'the name of the runner' })),
    runner_id: nullable(Id),
    runner_group: Name,
    priority: Type.Integer(),
    exit_code: nullable(Type.Integer()),
    reason: nullable(Type.String({ description: 'why it ended so, in kebab-case' })),
    error_message: nullable(Type.String()),
    output_properties: nullable(Type.Record(Type.String(), Type.Unknown())),
    reporting_records: Type.Optional(
      Type.Array(Type.Unknown(), { description: 'where a plugin gave some; not in lists' }),
    ),
    comments: Type.Array(Type.String()),
    status_line: nullable(Type.String()),
    waiting_because: nullable(Type.String({ description: 'what a queued execution waits for' })),
    log: Type.Object({
      length: Type.Integer({ description: 'bytes received' }),
      sha256: nullable(Sha256),
      truncated: Type.Boolean({ description: 'head and tail are kept, the middle is not' }),
      complete: Type.Boolean({ description: 'all that the runner sent has come' }),
    }),
    problem: ShownProblem,
  },
  { $id: 'Execution' },
)
export type Execution = Static<typeof Execution>

/** In lists the output is shorter, and what may be large is left out. */
export const ListedExecution = Type.Object(
  {
    ...Execution.properties,
    output: Type.String({ description: 'the last 400 bytes of the log, as text' }),
    output_properties: Type.Optional(Execution.properties.output_properties),
  },
  {
    $id: 'ListedExecution',
    description: 'where `fields` is given, only the fields that it names, and the id',
  },
)
export type ListedExecution = Static<typeof ListedExecution>

const list = <S extends TSchema>($id: string, items: S) =>
  Type.Object(
    {
      items: Type.Array(items),
      next: nullable(Type.String({ description: 'the value for `after` of the next page' })),
    },
    { $id },
  )
export const ExecutionList = list('ExecutionList', ListedExecution)

export const Outcome = choice(['succeeded', 'failed', 'aborted'])
export type Outcome = Static<typeof Outcome>

// ── runners ─────────────────────────────────────────────────────────────────────────────────────────────────────

export const Registration = Type.Object(
  {
    uuid: Id,
    name: Type.String({ minLength: 1, maxLength: 256, pattern: '^[^\\x00-\\x1f\\x7f]+$' }),
    version: Type.String({ maxLength: 64, pattern: '^[\\x20-\\x7e]*$' }),
    public_key: Type.String({ maxLength: 2048, description: 'SPKI PEM, RSA-3072' }),
    capabilities: Capabilities,
    runner_group: Name,
    taints: Type.Optional(Taints),
    metadata: Type.Optional(Type.Record(Type.String({ maxLength: 128 }), Text(1024), { maxProperties: 64 })),
  },
  { $id: 'Registration', ...strict },
)
export type Registration = Static<typeof Registration>

/** Seconds that a runner takes from a server: a longer time is a mistake, and a shorter one would make a loop spin. */
const Told = (minimum: number) => Seconds(315_360_000, minimum)

export const Settings = Type.Object(
  {
    enabled: Type.Boolean(),
    capacity: Type.Integer({ minimum: 0, maximum: 10_000 }),
    eviction_time_seconds: Told(0),
    abort_timeout_seconds: Told(0),
    ping_interval_seconds: Told(0),
    reserve_wait_seconds: Told(0),
    confirm_within_seconds: Told(0),
    lease_seconds: Told(0.1),
    late_result_seconds: Told(0),
    max_output_bytes: Type.Integer({ minimum: 0, maximum: 268_435_456 }),
  },
  { $id: 'Settings' },
)
export type Settings = Static<typeof Settings>

export const Registered = Type.Object(
  {
    runner_id: Id,
    session: Type.Integer({ minimum: 1, maximum: 999_999_999_999_999 }),
    created_at: Time,
    credentials: Type.String({
      maxLength: 4096,
      description: 'base64 of RSA-OAEP-SHA256 of {token, data_key}; data_key is base64 of 32 bytes',
    }),
    settings: Settings,
  },
  { $id: 'Registered' },
)
export type Registered = Static<typeof Registered>

/** What `credentials` hold. */
export const Credentials = Type.Object(
  {
    token: Type.String({ pattern: '^[\\x21-\\x7e]{1,512}$' }),
    data_key: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$', description: 'base64 of 32 bytes' }),
  },
  { $id: 'Credentials' },
)
export type Credentials = Static<typeof Credentials>

export const Reserve = Type.Object(
  { slots: Type.Integer({ minimum: 1, maximum: 1000 }), wait_seconds: Seconds(50) },
  { $id: 'Reserve', ...strict },
)

/** An execution as it is handed to a runner. */
export const Reservation = Type.Object(
  {
    execution_id: Id,
    lease_id: Id,
    kind: choice(['plugin', 'command', 'script']),
    domain: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description: 'a container may be used again for executions of the same domain; absent: not at all',
      }),
    ),
    reuse: Type.Optional(
      Type.String({
        maxLength: 32,
        description: 'domain, job or never: which other job may have its container; anything else is never',
      }),
    ),
    job_name: nullable(Name),
    group: Text(256),
    attempt: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    image: Image,
    command: Type.Optional(Words),
    args: Type.Optional(Words),
    env: Type.Optional(Environment),
    input: nullable(Base64 /* sealed with the data key */),
    secret_values: nullable(Base64),
    max_time_seconds: Type.Optional(Told(0)),
    abort_timeout_seconds: Told(0),
    abort_signal: Type.Optional(Signal),
    confirm_within_seconds: Told(0),
  },
  { $id: 'Reservation' },
)
export type Reservation = Static<typeof Reservation>

/** What `secret_values` hold once opened: environment for the job, and all that must not appear in its log. */
export const SecretValues = Type.Object(
  { env: Environment, mask: Type.Array(Type.String()) },
  { $id: 'SecretValues' },
)
export type SecretValues = Static<typeof SecretValues>

export const Reservations = inParts(
  Type.Object({ executions: Type.Array(Reservation) }, { $id: 'Reservations' }),
)
export const Confirm = Type.Object({ lease_id: Id }, { $id: 'Confirm', ...strict })

export const Heartbeat = Type.Object(
  {
    state: choice(['ready', 'draining']),
    executions: Type.Array(Id, { maxItems: 10_000 }),
    executors: Type.Array(
      Type.Object({ image: Image, state: choice(['starting', 'idle', 'busy', 'stopping']) }, strict),
      { maxItems: 10_000 },
    ),
    free_slots: Type.Integer({ minimum: 0, maximum: 10_000 }),
  },
  { $id: 'Heartbeat', ...strict },
)
export type Heartbeat = Static<typeof Heartbeat>

const Role = nullable(choice(['leader', 'standby']))
export const HeartbeatAnswer = inParts(
  Type.Object(
    {
      settings: Settings,
      role: Role,
      leases: Type.Record(Type.String(), Type.Number(), { description: 'seconds left, by execution' }),
      abort: Type.Array(Id),
      gone: Type.Array(Id, { description: 'stop it and drop its spool' }),
      unknown: Type.Array(Id, { description: 'let it run and keep its result' }),
      scripts: Type.Array(Reservation),
    },
    { $id: 'HeartbeatAnswer' },
  ),
)
export type HeartbeatAnswer = Static<typeof HeartbeatAnswer>

/** The first event of a command channel, `state`. */
export const ChannelState = inParts(
  Type.Object(
    { settings: Settings, role: Role, abort: Type.Array(Id), scripts: Type.Array(Reservation) },
    { $id: 'ChannelState' },
  ),
)
export type ChannelState = Static<typeof ChannelState>

const Nothing = Type.Object({})

/** Every event of a command channel by its name, with its data. */
export const channelEvents = {
  state: ChannelState,
  ping: Nothing,
  settings: Settings,
  enable: Nothing,
  disable: Nothing,
  leader: Nothing,
  standby: Nothing,
  abort: Type.Object({ execution_id: Id }),
  'execute-script': Reservation,
  delete: Nothing,
} as const
export type ChannelEvents = { [E in keyof typeof channelEvents]: Static<(typeof channelEvents)[E]> }

/** Every event of a log that is followed. */
export const logEvents = {
  log: Type.Object({
    offset: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    base64: Base64,
  }),
  end: Type.Object({ state: Text(64) }),
} as const

export const Result = Type.Object(
  {
    lease_id: Id,
    outcome: Outcome,
    exit_code: nullable(Type.Integer({ minimum: -2_147_483_648, maximum: 4_294_967_295 })),
    reason: nullable(Type.String({ maxLength: 64, pattern: '^[a-z0-9][a-z0-9-]*$' })),
    error_message: nullable(Text(65_536)),
    output: nullable(Base64),
    started_at: AnyTime,
    finished_at: AnyTime,
    log_length: Type.Integer({ minimum: 0, maximum: 9_007_199_254_740_991 }),
    log_sha256: Sha256,
  },
  { $id: 'Result', ...strict },
)
export type ResultMessage = Static<typeof Result>

export const Leave = Type.Object(
  { reason: choice(['stopped', 'detached', 'restart']), back_within_seconds: Seconds(3600) },
  { $id: 'Leave', ...strict },
)

export const LogLength = Type.Object(
  {
    length: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    truncated: Type.Optional(Type.Boolean()),
  },
  { $id: 'LogLength' },
)

export const RunnerState = choice(
  ['ready', 'draining', 'left', 'disconnected', 'unhealthy', 'deleted', 'never-connected'],
  'what it is; whether it may take work is `enabled`, `taints` and `role` too',
)

export const Runner = Type.Object(
  {
    id: Id,
    name: Type.String(),
    version: Type.String(),
    state: RunnerState,
    enabled: Type.Boolean(),
    role: Role,
    runner_group: Name,
    capabilities: Type.Array(Type.String()),
    taints: Type.Array(Type.String()),
    metadata: Type.Record(Type.String(), Type.String()),
    capacity: Type.Integer(),
    eviction_time_seconds: Type.Number(),
    abort_timeout_seconds: Type.Number(),
    session: Type.Integer(),
    created_at: Time,
    last_heartbeat_at: nullable(Time),
    clock_difference_seconds: nullable(
      Type.Number({ description: "the runner's clock less the server's, as it reports it" }),
    ),
    executors: Type.Array(Type.Object({ image: Type.String(), state: Type.String() })),
    running: Type.Array(Id, { description: 'executions it holds' }),
    deleted: Type.Boolean(),
    problem: ShownProblem,
  },
  { $id: 'Runner' },
)
export type Runner = Static<typeof Runner>
export const RunnerList = list('RunnerList', Runner)

export const RunnerPatch = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean()),
    capacity: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000 })),
    eviction_time_seconds: Type.Optional(Seconds(86_400)),
    abort_timeout_seconds: Type.Optional(Seconds(86_400)),
    capabilities: Type.Optional(Capabilities),
    taints: Type.Optional(Taints),
    // To the taints that it has, or to those that `taints` gives it: of two who change them at once none is lost.
    add_taints: Type.Optional(Taints),
    remove_taints: Type.Optional(Taints),
    runner_group: Type.Optional(Name),
    deleted: Type.Optional(Type.Unsafe<false>({ type: 'boolean', const: false })),
  },
  { $id: 'RunnerPatch', minProperties: 1, ...strict },
)
export type RunnerPatch = Static<typeof RunnerPatch>

export const Group = Type.Object(
  {
    name: Name,
    mode: choice(['all', 'leader']),
    leader_runner_id: nullable(Id),
    pinned_runner_id: nullable(Id),
    runners: Type.Integer(),
    problem: ShownProblem,
  },
  { $id: 'Group' },
)
export type Group = Static<typeof Group>
export const GroupList = list('GroupList', Group)
export const GroupPatch = Type.Object(
  {
    mode: Type.Optional(choice(['all', 'leader'])),
    pinned_runner_id: Type.Optional(nullable(Id)),
  },
  { $id: 'GroupPatch', minProperties: 1, ...strict },
)
export type GroupPatch = Static<typeof GroupPatch>

// ── scripts ─────────────────────────────────────────────────────────────────────────────────────────────────────

export const Script = Type.Object(
  {
    image: Image,
    command: Type.Array(Word, { minItems: 1, maxItems: 4096 }),
    input: Type.Optional(InputContext),
    runner_id: Type.Optional(Id),
    wait_seconds: Type.Optional(Seconds(50)),
  },
  { $id: 'Script', ...strict },
)
export type Script = Static<typeof Script>
export const ScriptPending = Type.Object({ id: Id }, { $id: 'ScriptPending' })

// ── tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────

export const tokenKinds = ['admin', 'viewer', 'registration', 'runner'] as const
export type TokenKind = (typeof tokenKinds)[number]

export const Token = Type.Object(
  {
    id: Id,
    kind: choice(tokenKinds),
    name: Type.String(),
    created_at: Time,
    expires_at: nullable(Time),
    last_used_at: nullable(Time),
    runner_id: nullable(Id),
    problem: ShownProblem,
  },
  { $id: 'Token' },
)
export type Token = Static<typeof Token>
export const TokenList = list('TokenList', Token)
export const TokenCreate = Type.Object(
  {
    kind: choice(['admin', 'viewer', 'registration']),
    name: Type.String({ minLength: 1, maxLength: 128, pattern: '^[^\\x00-\\x1f\\x7f]+$' }),
    expires_in_seconds: Type.Optional(Seconds(3_155_760_000, 1)),
  },
  { $id: 'TokenCreate', ...strict },
)
export type TokenCreate = Static<typeof TokenCreate>
export const TokenCreated = Type.Object(
  { ...Token.properties, token: Type.String({ description: 'shown this one time' }) },
  { $id: 'TokenCreated' },
)

export const Health = Type.Object(
  { status: choice(['ok', 'failing']), store: choice(['ok', 'failing']), version: Type.String() },
  { $id: 'Health' },
)
