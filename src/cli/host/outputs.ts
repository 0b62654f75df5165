import {
  type CommandOutputs,
  either,
  flag,
  type JsonSchema,
  list,
  nothing,
  number,
  object,
  oneOf,
  text,
  time,
  whole,
} from '../json-schema.ts'

const job = { execution_id: text, job_name: either(text, nothing), image: text }
const pull = { image: text, layers: whole, layers_done: whole, bytes: whole, bytes_known: whole }
const end = {
  outcome: oneOf('succeeded', 'failed', 'aborted'),
  exit_code: either(whole, nothing),
  reason: either(text, nothing),
  error_message: either(text, nothing),
}
const problem = { reason: text, message: text }

/** The fields of each event, and those that may be absent. */
type Events = Readonly<
  Record<string, readonly [Readonly<Record<string, JsonSchema>>, Readonly<Record<string, JsonSchema>>?]>
>

/** One of these events, with fields that all of them have. */
const events = (all: Events, common: Readonly<Record<string, JsonSchema>> = {}): JsonSchema =>
  either(
    ...Object.entries(all).map(([event, [fields, others]]) =>
      object({ ...common, event: { const: event }, ...fields }, others),
    ),
  )

const attached: Events = {
  'life:changed': [
    { from: text, to: text },
    { because: text, unable_because: text },
  ],
  'runner:registered': [{ runner_id: text, session: whole, server: text, name: text }],
  'registration:failed': [problem],
  'registration:refused': [{ fields: list(text), message: text }],
  'connection:lost': [problem],
  'connection:back': [{ seconds: number }],
  'clock:wrong': [{ difference_seconds: number }],
  'engine:ready': [{ engine: text, address: text }],
  'engine:failed': [{ message: text }],
  'disk:low': [{ path: text, free: number, least: number }],
  'disk:enough': [{ path: text, free: number }],
  'job:accepted': [{ kind: text, attempt: whole, ...job }],
  'job:started': [job],
  'job:waits': [{ message: text, seconds: number, ...job }],
  'job:ended': [{ ...end, ...job }],
  'job:delivered': [job],
  'job:dropped': [{ message: text, ...job }],
  'log:refused': [{ message: text, bytes: whole, ...job }],
  'image:pull': [{ ...job, ...pull }],
  'image:removed': [{ image: text, disk: text }],
  'script:output': [{ text, ...job }],
  'runner:recovered': [{ running: whole, finished: whole, waiting: whole, removed: whole }],
  'runner:draining': [{ executions: whole, seconds: number }],
  notice: [{ message: text }],
}

const plugin: Events = {
  'image:pull': [pull],
  'job:started': [{ execution_id: text }],
  'job:log': [{ offset: whole, text }],
  'job:not-run': [{ message: text }],
  'job:ended': [
    {
      ...end,
      log_length: whole,
      log_sha256: text,
      started_at: time,
      finished_at: time,
      comments: list(text),
      status_line: either(text, nothing),
    },
    { output: {}, clock_offset: number },
  ],
}

/** The schemas of the output of `--json`, for each command of a host that takes jobs. */
export const outputs: CommandOutputs = {
  attach: {
    about: 'Every event of the attached runner; readers pass over events that they do not know.',
    schema: events(attached, { at: time, level: oneOf('debug', 'info', 'warning', 'error'), message: text }),
    lines: 'standard error',
  },
  drain: {
    about: 'The process that has been asked, and the executions that it still holds.',
    schema: object({
      state: oneOf('not-attached', 'draining', 'stopped'),
      pid: either(whole, nothing),
      executions: list(text),
    }),
  },
  doctor: {
    about: 'Every check with its result, and whether none has failed.',
    schema: object({
      ok: flag,
      checks: list(
        object({ check: text, result: oneOf('ok', 'warning', 'failed', 'skipped'), message: text }),
      ),
    }),
  },
  'plugin run': {
    about: 'The events of the plugin or the command; its log in pieces, masked.',
    schema: events(plugin),
    lines: 'standard output',
  },
}
