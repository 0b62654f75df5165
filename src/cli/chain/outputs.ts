import {
  type CommandOutputs,
  either,
  flag,
  list,
  nothing,
  number,
  object,
  oneOf,
  table,
  text,
  time,
  whole,
} from '../json-schema.ts'

const setting = object({ value: text }, { origin: object({ file: text, line: whole }) })
const finding = object(
  { severity: oneOf('error', 'warning', 'notice'), reason: text, message: text },
  { section: text, file: text, line: whole, hint: text },
)
/** The fields of a run that `status` and `history` have in common. */
const summary = {
  run_id: whole,
  state: text,
  started_at: time,
  duration_seconds: number,
  tasks: whole,
  tasks_done: whole,
  tries: whole,
}
const ofSummary = {
  tasks_skipped: whole,
  duration_at_least: flag,
  exit_status: whole,
  task: text,
  resumes: whole,
}
const processes = list(object({ pid: whole, command: text }))
const owner = { task: text, kind: oneOf('task', 'halt'), try_num: whole }
const hook = { hook: oneOf('pre', 'post', 'condition') }

/** The schemas of the output of `--json`, for each command of the chain. */
export const outputs: CommandOutputs = {
  run: {
    about: 'Every event of the run; events.md describes them.',
    schema: { $ref: 'events.schema.json' },
    lines: 'standard output',
  },
  check: {
    about:
      'All that is wrong, the files of the tasks, ' +
      'and with `--effective` the settings in force by section and key.',
    schema: object(
      { ok: flag, findings: list(finding), tasks: list(text) },
      { effective: table(table(setting)) },
    ),
  },
  list: {
    about:
      'The tasks in their order with all settings, ' +
      'and the other files with the reason why they are not tasks.',
    schema: object({
      task_dir: text,
      tasks: list(
        object(
          {
            order: whole,
            task: text,
            name: text,
            path: text,
            depends_on: list(text),
            settings: table(setting),
          },
          { skipped: text },
        ),
      ),
      not_tasks: list(object({ file: text, because: text })),
    }),
  },
  graph: {
    about: 'The tasks in their order, and the tasks after which each comes.',
    schema: object({
      task_dir: text,
      tasks: list(
        object({ task: text, name: text, depends_on: list(text) }, { order: oneOf('free'), exclusive: flag }),
      ),
    }),
  },
  get: {
    about:
      'A value with its place; of a section its values, ' +
      'with `--origin` each with its place; null where it is not set.',
    schema: either(
      nothing,
      object({ section: text, key: text, value: text, file: text, line: whole }),
      object({
        section: text,
        values: table(either(text, object({ value: text, file: text, line: whole }))),
      }),
    ),
  },
  status: {
    about: 'The last run: its progress, or its end; null if none is on record.',
    schema: either(
      nothing,
      object(summary, {
        ...ofSummary,
        waiting_seconds: number,
        next_task: text,
        try_num: whole,
        max_tries: whole,
        ...hook,
        hook_started_at: time,
        hook_seconds: number,
        task_started_at: time,
        task_seconds: number,
        usual_seconds: number,
        parallel: whole,
        under_way: list(
          object(
            {
              task: text,
              try_num: whole,
              step: oneOf('try', 'pre hook', 'post hook', 'condition', 'wait'),
              seconds: number,
            },
            { usual_seconds: number },
          ),
        ),
      }),
    ),
  },
  history: {
    about: 'The runs on record, the latest first.',
    schema: list(
      either(
        object(summary, ofSummary),
        object({ run_id: whole, state: oneOf('unreadable'), message: text }),
      ),
    ),
  },
  logs: {
    about:
      'The output of tasks or hooks, in pieces, `left_out` bytes after some of them missing; ' +
      'of an execution its log from `offset` on, and its state at the end. ' +
      'With `--verify` a list of verdicts.',
    schema: either(
      object({ ...owner, text }, { ...hook, left_out: whole }),
      object({ offset: whole, text }),
      object({ offset: whole, state: text }),
      list(
        object(
          {
            ...owner,
            verdict: oneOf('whole', 'cut', 'changed', 'missing', 'unreadable', 'not-kept', 'open'),
            late_bytes: whole,
          },
          { ...hook, message: text },
        ),
      ),
    ),
    lines: 'standard output',
  },
  analyze: {
    about:
      'Where the time of a run went: its tasks with their spans, ' +
      'whose times are seconds since the run began, and the tasks by which it took as long as it did.',
    schema: object(
      {
        run_id: whole,
        state: text,
        started_at: time,
        duration_seconds: number,
        idle_seconds: number,
        tasks: list(
          object(
            {
              task: text,
              from: number,
              to: number,
              seconds: number,
              try_seconds: number,
              hook_seconds: number,
              wait_seconds: number,
              tries: whole,
              spans: list(
                object(
                  {
                    what: oneOf('try', 'wait', 'pre', 'post', 'condition'),
                    try_num: whole,
                    from: number,
                    to: number,
                  },
                  { outcome: oneOf('OK', 'RETRY', 'HALT', 'EXIT', 'REBOOT', 'INTERRUPTED') },
                ),
              ),
            },
            { usual_seconds: number },
          ),
        ),
        critical_chain: list(
          object({ task: text, from: number, seconds: number }, { usual_seconds: number }),
        ),
      },
      { parallel: whole },
    ),
  },
  explain: {
    about: 'Why a run ended as it did.',
    schema: object(
      {
        run_id: whole,
        state: text,
        started_at: time,
        limits: list(
          object({ key: oneOf('max_time', 'max_tries', 'max_reboots'), value: number, from: text }),
        ),
        killed: processes,
        survivors: processes,
        last_lines: list(text),
        notices: list(text),
        skipped: list(object({ task: text, message: text })),
      },
      {
        exit_status: whole,
        task: text,
        try_num: whole,
        max_tries: whole,
        ending: text,
        under_way: object({
          what: oneOf('halt task', 'pre hook', 'post hook', 'condition'),
          task: text,
          try_num: whole,
        }),
        reboot_asked_by: text,
        waiting_for: object({ task: text, try_num: whole }),
        beside: list(object({ task: text, try_num: whole, what: text })),
        log: text,
        resumes: whole,
      },
    ),
  },
}
