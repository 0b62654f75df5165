import t from 'tap'
import { seal } from '../../src/protocol/seal.ts'
import { type Evidence, judge, readOutput } from '../../src/remote/plugin.ts'
import { fail, ok } from '../../src/result.ts'

const output = (exitCode: number, jobErrorMessage = '') =>
  ok({ exitCode, jobErrorMessage, outputProperties: {}, reportingRecords: null })
const exit = (code: number, more = {}) => ({
  ...{ code, why: 'exit' as const, killed: false, refused: false, left: 0 },
  ...more,
})
const evidence = (more: Partial<Evidence>): Evidence => ({
  ...{ kind: 'plugin', exit: exit(0), output: output(0), abortAsked: false, outOfMemory: false, limit: 9 },
  ...more,
})

t.test('what a job came to', async t => {
  const abort = { why: 'abort' as const }
  const limit = { why: 'limit' as const }
  for (const [title, given, expected] of [
    ['a plugin with an output', {}, ['succeeded', 0, null]],
    ['an output wins over the exit status', { exit: exit(134) }, ['succeeded', 0, null]],
    ['a failure by the output', { output: output(-1, 'no') }, ['failed', -1, 'plugin-failed']],
    ['no output', { output: undefined }, ['failed', 0, 'no-output']],
    ['no output and a signal', { output: undefined, exit: exit(137) }, ['failed', 137, 'no-output']],
    ['a broken output', { output: fail('x') }, ['failed', 0, 'output-invalid']],
    ['aborted', { output: output(1), exit: exit(1, abort), abortAsked: true }, ['aborted', 1, 'aborted']],
    ['aborted without output', { output: undefined, exit: exit(137, abort) }, ['aborted', 137, 'aborted']],
    ['a success that was faster than its abort', { abortAsked: true }, ['succeeded', 0, null]],
    [
      'abort asked, and the container gone',
      { abortAsked: true, exit: undefined },
      ['aborted', null, 'aborted'],
    ],
    ['its time over', { output: output(1), exit: exit(143, limit) }, ['failed', 1, 'timed-out']],
    [
      'its time over before the abort',
      { output: undefined, exit: exit(143, limit), abortAsked: true },
      ['failed', 143, 'timed-out'],
    ],
    [
      'out of memory',
      { output: undefined, exit: exit(137), outOfMemory: true },
      ['failed', 137, 'out-of-memory'],
    ],
    ['the container gone', { exit: undefined }, ['failed', null, 'executor-lost']],
    [
      'a full disk',
      { output: undefined, exit: exit(143, abort), ended: 'disk-full' as const },
      ['failed', 143, 'disk-full'],
    ],
    ['a command', { kind: 'command' as const, output: undefined }, ['succeeded', 0, null]],
    [
      'a command that failed',
      { kind: 'command' as const, output: undefined, exit: exit(3) },
      ['failed', 3, 'exit-status'],
    ],
    [
      'a command that ends well when it is aborted',
      { kind: 'command' as const, output: undefined, exit: exit(0, abort) },
      ['aborted', 0, 'aborted'],
    ],
    [
      'a program that is not there',
      { kind: 'command' as const, output: undefined, exit: exit(127, { refused: true }) },
      ['failed', 127, 'not-startable'],
    ],
  ] as const) {
    const { outcome, exit_code, reason } = judge(evidence(given as Partial<Evidence>))
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
    ['[]', 'no JSON object'],
    ['{', 'no JSON'],
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
