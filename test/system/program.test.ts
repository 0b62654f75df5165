import { existsSync } from 'node:fs'
import t from 'tap'
import { runProgram } from '../../src/system/program.ts'

t.test('what a program writes comes back, and it has nothing to read', async t => {
  t.same(await runProgram('sh', ['-c', 'cat; echo out; echo err >&2']), {
    ok: true,
    value: { stdout: 'out', stderr: 'err' },
  })
})

t.test('a failure has its status, and the first line that tells why', async t => {
  t.match(await runProgram('sh', ['-c', 'echo part; echo why >&2; echo more >&2; exit 3']), {
    ok: false,
    failure: { reason: 'failed', status: 3, message: 'why', stdout: 'part', stderr: 'why\nmore' },
  })
  t.match(await runProgram('sh', ['-c', 'exit 1']), { failure: { message: /exit code 1/ } })
  const ended = await runProgram('sh', ['-c', 'kill -TERM $$'])
  t.match(ended, { failure: { reason: 'failed', message: /SIGTERM/, status: undefined } })
})

t.test('a program that is not there has not started', async t => {
  t.match(await runProgram('/nonexistent/program', []), {
    failure: { reason: 'not-started', message: /ENOENT/, stdout: '', stderr: '' },
  })
})

t.test('a program that takes too long is killed', async t => {
  const dir = t.testdir()
  const ended = await runProgram('sh', ['-c', `trap "" TERM; echo $$ > ${dir}/pid; exec sleep 600`], {
    limit: 0.5,
  })
  t.match(ended, { failure: { reason: 'timed-out', message: /timed out/ } })
  t.ok(existsSync(`${dir}/pid`))
})
