import t from 'tap'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import { json, play, say } from '../../support/operator.ts'
import { serverTest } from '../../support/server.ts'

serverTest(
  t,
  'ps shows what runs and what waits for what, and with --all what was',
  {},
  async (t, server) => {
    t.equal(
      (await say(server, ['ps'])).out,
      'nothing runs or waits; `runner ps --all` lists what has ended\n',
    )
    const runner = await server.runner({ name: 'build-3' })
    await using _ = runner.alive()
    const { id: early } = await server.submit({ job_name: 'early' })
    await play(runner, 'done\n', {})
    const { id: long } = await server.submit({ job_name: 'long' })
    const reservation = await runner.begin()
    await runner.log(reservation, 0, 'first\nlast\n')
    const { id: waits } = await server.submit({ job_name: 'waits', runner_group: 'nobody' })
    const { out } = await say(server, ['ps'])
    t.match(out, /^execution +job +state +node +for +says\n/)
    t.match(out, new RegExp(`\n${long.slice(0, 13)}\\S* +long +running +build-3 +\\S+ m?s +last\n`))
    t.match(out, new RegExp(`\n${waits.slice(0, 13)}\\S* +waits +queued +.*nobody`))
    t.notMatch(out, early.slice(0, 13))
    const ids = async (...args: string[]) =>
      (await json<Execution[]>(server, ['ps', ...args])).map(({ id }) => id)
    t.same(await ids(), [waits, long])
    t.same(await ids('--all'), [waits, long, early])
    t.same(await ids('--state', 'succeeded'), [early])
    t.same(await ids('--all', '--job', 'long'), [long])
    for (const node of ['build-3', runner.id]) t.same(await ids('--all', '--node', node), [long, early], node)
    t.match(await say(server, ['ps', '--node', 'none']), { status: 7, err: /there is no node none/ })
    t.same(await ids('--since', '1h'), [waits, long, early])
    t.same(await ids('--until', '1h'), [])
    const { created_at } = await server.execution(long)
    t.same(await ids('--since', created_at), [waits, long])
    t.same(await ids('--until', created_at), [early])
    t.match(await say(server, ['ps', '--since', 'lately']), {
      status: 64,
      err: /such as 2026-01-31T06:00:00Z/,
    })
    t.match(await say(server, ['ps', '--all', '--limit', '2']), { err: /the latest 2; --limit lists more/ })
  },
)

serverTest(t, 'ps and show have the usual duration, and show has phases and use', {}, async (t, server) => {
  const runner = await server.runner({ name: 'build-3' })
  await using _ = runner.alive()
  const started = Date.now() - 60_000
  const { id: ended } = await server.submit({ job_name: 'nightly' })
  await play(runner, 'done\n', {
    started_at: new Date(started).toISOString(),
    finished_at: new Date(started + 1000).toISOString(),
    phases: { image: 3, start: 0.25, run: 1, result: 0.001 },
    resources: { cpu_seconds: 12.5, peak_memory_bytes: 210_000_000 },
  })
  await server.submit({ job_name: 'nightly', runner_group: 'nobody' })
  const { out } = await say(server, ['ps'])
  t.match(out, /^execution +job +state +node +for +usually +says\n.* nightly +queued +\d+(\.\d+)? m?s +/)
  const all = (await say(server, ['show', ended])).out
  t.match(all, /^usually +\d/m)
  t.match(all, /^phases +queued \S+ m?s, image 3 s, start 250 ms, run 1 s, result 1 ms$/m)
  t.match(all, /^used +12.5 s of processors, at most 210 MB of memory$/m)
})

serverTest(
  t,
  'an execution is named by the beginning of its id, or as the latest of a job',
  {},
  async (t, server) => {
    const made: string[] = []
    for (let count = 0; count < 2; count++) made.push((await server.submit({ job_name: 'nightly' })).id)
    const [first, latest] = made as [string, string]
    const shown = async (which: string) => (await json<Execution>(server, ['show', which])).id
    t.equal(await shown('nightly@latest'), latest)
    const different = [...first].findIndex((character, at) => character !== latest[at])
    t.equal(await shown(first.slice(0, Math.max(8, different + 1))), first)
    const both = await say(server, ['show', first.slice(0, 8)])
    t.match(both, { status: 77, err: /fits several executions: .*; add characters of the id/ })
    for (const id of made) t.match(both.err, id)
    for (const none of [first.slice(0, 7), '00000000', 'other@latest', '@latest', `${first}0`, 'ffffffff-'])
      t.match(await say(server, ['show', none]), { status: 7, err: /there is no .*`runner ps --all`/ }, none)
    for (const text of ['nightly', first.slice(0, 7)])
      t.match(
        (await say(server, ['show', text])).err,
        /: it goes by 8 characters .*, or by JOB@latest; /,
        text,
      )
    t.match(await say(server, ['abort', 'nightly@latest']), { status: 0, out: `${latest} aborted\n` })
    t.match(await say(server, ['rerun', 'nightly@latest']), { status: 0 })
    const table = (await say(server, ['ps', '--all'])).out.split('\n').slice(1, -1)
    const named = table.map(line => line.split(' ')[0]!)
    t.equal(new Set(named).size, 3, 'no two are shown alike')
    for (const name of named) {
      t.ok(name.length >= 13, name)
      t.match(await shown(name), new RegExp(`^${name}`))
    }
  },
)

serverTest(t, 'logs prints a run, a task of it, or an execution', {}, async (t, server) => {
  const runner = await server.runner()
  await using _ = runner.alive()
  const { id } = await server.submit({ job_name: 'hello' })
  await play(runner, 'of the job\n', {})
  for (const args of [
    ['logs', id],
    ['logs', 'hello@latest'],
    ['logs', '-f', id],
    ['log', id],
  ])
    t.match(await say(server, args), { status: 0, out: 'of the job\n', err: '' }, args.join(' '))
  t.equal((await say(server, ['logs', id, '--offset', '3'])).out, 'the job\n')
  const at = String.raw`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`
  for (const args of [
    ['logs', '-t', id],
    ['logs', '-f', '--timestamps', id],
  ])
    t.match(await say(server, args), { status: 0, out: new RegExp(`${at} of the job\n$`), err: '' })
  server.rig.task('10-one', 'echo of the task')
  t.equal((await say(server, ['run'])).status, 0)
  for (const args of [['logs'], ['logs', '1'], ['logs', '1', '10-one'], ['logs', '10-one']])
    t.match(await say(server, args), { status: 0, out: /of the task\n$/ }, args.join(' '))
  for (const args of [
    ['logs', id, 'task'],
    ['logs', id, '--verify'],
    ['logs', id, '--timestamps', '--json'],
    ['logs', '--timestamps'],
    ['logs', '--offset', '3'],
  ])
    t.equal((await say(server, args)).status, 64, args.join(' '))
})
