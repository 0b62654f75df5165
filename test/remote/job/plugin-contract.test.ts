import t from 'tap'
import { seal } from '../../../src/protocol/seal.ts'
import type { JobExit } from '../../../src/remote/executors/executor.ts'
import { type Evidence, judge, readOutput } from '../../../src/remote/job/plugin-contract.ts'
import { fail, ok } from '../../../src/result.ts'

const output = (exitCode: number, jobErrorMessage = '') =>
  ok({ exitCode, jobErrorMessage, outputProperties: {}, reportingRecords: null })
const times = { startedAt: new Date(0), at: new Date(1000) }
const by = (by: 'status' | 'stopped' | 'time-limit' | 'oom' | 'not-startable', code: number): JobExit => ({
  ...times,
  by,
  code,
})
const gone: JobExit = { ...times, by: 'lost', message: 'its container ended while it ran' }
const full: JobExit = { ...times, by: 'disk', code: 143, message: 'it had more on disk than it may' }
const evidence = (more: Partial<Evidence>): Evidence => ({
  kind: 'plugin',
  exit: by('status', 0),
  output: output(0),
  asked: undefined,
  limit: 9,
  ...more,
})

t.test('what a job came to', async t => {
  const asked = 'aborted' as const
  const command = { kind: 'command' as const, output: undefined }
  for (const [title, given, expected] of [
    ['a plugin with an output', {}, ['succeeded', 0, null]],
    ['an output wins over the exit status', { exit: by('status', 134) }, ['succeeded', 0, null]],
    ['a failure by the output', { output: output(-1, 'no') }, ['failed', -1, 'plugin-failed']],
    ['no output', { output: undefined }, ['failed', 0, 'no-output']],
    ['no output and a signal', { output: undefined, exit: by('status', 137) }, ['failed', 137, 'no-output']],
    ['a broken output', { output: fail('x') }, ['failed', 0, 'output-invalid']],
    ['aborted', { output: output(1), exit: by('stopped', 1), asked }, ['aborted', 1, 'aborted']],
    ['aborted without output', { output: undefined, exit: by('stopped', 137) }, ['aborted', 137, 'aborted']],
    ['a success that was faster than its abort', { asked }, ['succeeded', 0, null]],
    ['abort asked, and the container gone', { asked, exit: gone }, ['aborted', null, 'aborted']],
    ['its time over', { output: output(1), exit: by('time-limit', 143) }, ['failed', 1, 'timed-out']],
    [
      'its time over before the abort',
      { output: undefined, exit: by('time-limit', 143), asked },
      ['failed', 143, 'timed-out'],
    ],
    [
      'its lease lost',
      { output: undefined, exit: by('stopped', 143), asked: 'lease-lost' },
      ['failed', 143, 'lease-lost'],
    ],
    ['out of memory', { output: undefined, exit: by('oom', 137) }, ['failed', 137, 'out-of-memory']],
    ['the container gone', { exit: gone }, ['failed', null, 'executor-lost']],
    ['a full disk', { output: undefined, exit: full }, ['failed', 143, 'disk-full']],
    ['a command', command, ['succeeded', 0, null]],
    ['a command that failed', { ...command, exit: by('status', 3) }, ['failed', 3, 'exit-status']],
    [
      'a command that ends well when it is aborted',
      { ...command, exit: by('stopped', 0) },
      ['aborted', 0, 'aborted'],
    ],
    [
      'a program that is not there',
      { ...command, exit: by('not-startable', 127) },
      ['failed', 127, 'not-startable'],
    ],
  ] satisfies [string, Partial<Evidence>, unknown[]][]) {
    const { outcome, exit_code, reason } = judge(evidence(given))
    t.same([outcome, exit_code, reason], expected, title)
  }
})

t.test('an output is opened and checked', async t => {
  const key = Buffer.alloc(32, 7).toString('base64')
  const whole = { exitCode: 0, jobErrorMessage: '', outputProperties: { a: 1 }, reportingRecords: [{}] }
  t.same(
    readOutput(Buffer.from(seal(JSON.stringify(whole), Buffer.alloc(32, 7))), key, 10_000_000),
    ok(whole),
  )
  t.same(readOutput(Buffer.from(JSON.stringify(whole)), key, 10_000_000), ok(whole), 'plain JSON is taken')
  t.same(
    readOutput(Buffer.from('{"exitCode": 2}'), '', 10_000_000),
    ok({ exitCode: 2, jobErrorMessage: '', outputProperties: {}, reportingRecords: null }),
  )
  for (const [text, said] of [
    ['', 'empty'],
    ['[]', 'not a JSON object'],
    ['{', 'not JSON'],
    ['{}', 'exitCode'],
    ['{"exitCode": 0, "outputProperties": []}', 'outputProperties'],
    [`{"exitCode": 0, "outputProperties": ${'['.repeat(3000)}${']'.repeat(3000)}}`, 'more than 100 levels'],
    [`{"exitCode": 0, "outputProperties": {"a": [${'0,'.repeat(600_000)}0]}}`, 'more than 200000 values'],
  ] as const)
    t.match(
      readOutput(Buffer.from(text), '', 10_000_000),
      { ok: false, failure: new RegExp(said) },
      text.slice(0, 50),
    )
  t.match(readOutput(Buffer.from(seal('{}', Buffer.alloc(32, 8))), key, 10_000_000), {
    ok: false,
    failure: /SESSION_KEY/,
  })
  const sealed = Buffer.from(seal('{"exitCode": 0}', Buffer.alloc(32, 7)))
  t.match(readOutput(sealed, key, 15), { ok: true }, 'the limit is for what is sealed')
  t.same(readOutput(sealed, key, 14), fail('its output has 15 bytes: 14 are the most'))
})
