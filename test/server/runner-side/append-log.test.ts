import fc from 'fast-check'
import t from 'tap'
import { grown, newLog } from '../../../src/server/rules/log-row.ts'
import { longestChunk } from '../../../src/server/runner-side/append-log.ts'
import { logTimes } from '../../../src/store/log-times.ts'
import { sha256 } from '../../support/messages.ts'
import { testId } from '../../support/rows.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

t.setTimeout(360_000)

const kept = (rig: ServerRig, id: string, offset = 0, length = 1_000_000) =>
  rig.store.read(async tx => String(await tx.readLog(id, offset, length)))
const row = async (rig: ServerRig, id: string) => (await rig.store.read(tx => tx.log(id)))!

onEachStore(t, 'chunks are appended in order, and one that comes twice changes nothing', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner)
  const send = (offset: number, text: string) => rig.log(runner, reservation, offset, text)
  t.same(await send(0, 'one '), { ok: true, value: { length: 4 } })
  t.same(await send(0, 'one '), { ok: false, failure: { reason: 'wrong-offset', length: 4 } })
  t.same(await send(5, 'hole'), { ok: false, failure: { reason: 'wrong-offset', length: 4 } })
  t.same(await send(4, ''), { ok: true, value: { length: 4 } })
  t.same(await send(4, 'two'), { ok: true, value: { length: 7 } })
  t.equal(await kept(rig, reservation.execution_id), 'one two')
})

onEachStore(
  t,
  'chunks keep the time at which they came first, also when they are sent again',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const reservation = await rig.start(runner)
    const times = async () => logTimes((await row(rig, reservation.execution_id)).times!)
    const began = Math.floor(rig.clock.wall / 1000)
    await rig.log(runner, reservation, 0, 'one ')
    rig.pass(0.5)
    await rig.log(runner, reservation, 4, 'two ')
    rig.pass(10)
    rig.restart()
    for (const offset of [0, 4]) t.notOk((await rig.log(runner, reservation, offset, 'one ')).ok)
    await rig.log(runner, reservation, 8, '')
    t.same(await times(), [{ offset: 0, at: began }])
    await rig.log(runner, reservation, 8, 'three')
    t.same(await times(), [
      { offset: 0, at: began },
      { offset: 8, at: Math.floor(rig.clock.wall / 1000) },
    ])
  },
)

onEachStore(t, 'what is lost may still log, what is not theirs may not', async (t, rig) => {
  const runner = await rig.addRunner()
  const lost = await rig.start(runner)
  const other = { ...lost, lease_id: testId(4) }
  t.match(await rig.log(runner, other, 0, 'x'), { failure: { reason: 'reservation-expired' } })
  await rig.wait(65)
  t.match(await rig.execution(lost.execution_id), { state: 'lost' })
  t.ok((await rig.log(runner, lost, 0, 'x')).ok)
})

onEachStore(t, 'a chunk has a mebibyte at most', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner)
  t.ok((await rig.log(runner, reservation, 0, Buffer.alloc(longestChunk))).ok)
  t.match(await rig.log(runner, reservation, longestChunk, Buffer.alloc(longestChunk + 1)), {
    failure: { reason: 'too-large' },
  })
})

onEachStore(
  t,
  'after the result chunks are taken until the log is whole (buildkite/agent#1208)',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const reservation = await rig.start(runner)
    const { execution_id: id } = reservation
    await rig.log(runner, reservation, 0, 'abc')
    await rig.result(runner, reservation, { log_length: 6, log_sha256: sha256('abcdef') })
    t.match(await row(rig, id), { complete: false, final_length: 6 })
    t.match(await rig.log(runner, reservation, 3, 'defg'), { failure: { reason: 'already-finished' } })
    t.ok((await rig.log(runner, reservation, 3, 'def')).ok)
    t.match(await row(rig, id), { complete: true })
    t.match(await rig.log(runner, reservation, 6, 'g'), { failure: { reason: 'already-finished' } })
    t.equal(await kept(rig, id), 'abcdef')
  },
)

onEachStore(t, 'a log that is not what the result says is not complete', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner)
  await rig.log(runner, reservation, 0, 'abc')
  await rig.result(runner, reservation, { log_length: 3, log_sha256: sha256('abd') })
  t.match(await row(rig, reservation.execution_id), { complete: false, length: 3 })
})

onEachStore(
  t,
  'beyond the limit head and tail are kept, and it says so (gitlab-runner#27601)',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const reservation = await rig.start(runner)
    const { execution_id: id } = reservation
    const text = Array.from({ length: 50 }, (_, line) => `line ${line}\n`).join('')
    let offset = 0
    for (const part of text.match(/[\s\S]{1,33}/g)!) {
      const answer = await rig.log(runner, reservation, offset, part)
      offset += part.length
      t.match(answer, { value: { length: offset } })
      t.equal(answer.ok && answer.value.truncated === true, offset > 100)
    }
    await rig.result(runner, reservation, { log_length: text.length, log_sha256: sha256(text) })
    const log = await row(rig, id)
    t.match(log, { length: text.length, head: 50, tail: text.length - 50, complete: true })
    t.equal(await kept(rig, id, 0, log.head!), text.slice(0, 50))
    t.equal(await kept(rig, id, log.tail!, 50), text.slice(-50))
  },
  { log_limit: 100 },
)

t.test('what is kept of a log is its limit at most, and never less than half of it at the end', async t => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 300 })),
      fc.integer({ min: 2, max: 500 }),
      (sizes, limit) => {
        let log = newLog(testId(1))
        for (const size of sizes) {
          const before = log
          log = grown(log, log.length + size, limit)
          if (log.head === null) {
            if (log.length > limit) return false
            continue
          }
          const size_kept = log.head + log.length - log.tail!
          if (size_kept > limit || log.length - log.tail! < Math.floor(limit / 2)) return false
          if (before.tail !== null && log.tail! < before.tail) return false
        }
        return true
      },
    ),
  )
  t.pass()
})

onEachStore(t, 'secrets are masked, also where chunks cut them, and offsets hold', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner, { secret_env: { TOKEN: 'correct horse' } })
  const { execution_id: id } = reservation
  const base64 = Buffer.from('correct horse').toString('base64')
  const text = `a correct horse, ${encodeURIComponent('correct horse')} "correct horse" ${base64} battery`
  for (let offset = 0; offset < text.length; offset += 5)
    t.ok((await rig.log(runner, reservation, offset, text.slice(offset, offset + 5))).ok)
  await rig.result(runner, reservation, { log_length: text.length, log_sha256: sha256('as runner has it') })
  const shown = await kept(rig, id)
  t.equal(shown.length, text.length)
  t.match(shown, /^a \*{13}, \*{15} "\*{13}" \*+=* battery$/)
  t.match(await row(rig, id), { masked: true, complete: true })
})

onEachStore(t, 'markers become comments and the status line, however they are cut', async (t, rig) => {
  const runner = await rig.addRunner()
  const text = [
    'x ##[start: status]10 %##[end: status]\n',
    'INFO ##[start: comment]one\ntwo##[end: comment] rest\n',
    '##[start: comment]three##[end: comment]##[start: status]done##[end: status]\n',
  ].join('')
  for (const size of [1, 7, 1000]) {
    const reservation = await rig.start(runner)
    for (let offset = 0; offset < text.length; offset += size)
      await rig.log(runner, reservation, offset, text.slice(offset, offset + size))
    t.match(await row(rig, reservation.execution_id), {
      comments: ['one\ntwo', 'three'],
      status_line: 'done',
    })
    t.equal(await kept(rig, reservation.execution_id), text)
    await rig.result(runner, reservation)
  }
})

onEachStore(t, 'a secret in a comment is masked, too', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner, { secret_env: { TOKEN: 'battery' } })
  await rig.log(runner, reservation, 0, '##[start: comment]bat')
  await rig.log(runner, reservation, 21, 'tery##[end: comment]')
  t.match(await row(rig, reservation.execution_id), { comments: ['*******'] })
})

onEachStore(t, 'comments without a text are no more than others', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner)
  const chunk = '##[start: comment]##[end: comment]'.repeat(20_000)
  for (let count = 0; count < 3; count++) await rig.log(runner, reservation, count * chunk.length, chunk)
  const { comments } = (await row(rig, reservation.execution_id))!
  t.equal(comments.length, 2621)
})

onEachStore(
  t,
  'a marker that lost its middle is no marker',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const reservation = await rig.start(runner)
    await rig.log(runner, reservation, 0, `##[start: comment]${'x'.repeat(300)}`)
    await rig.log(runner, reservation, 318, '##[end: comment]##[start: status]ok##[end: status]')
    t.match(await row(rig, reservation.execution_id), { comments: [], status_line: 'ok' })
  },
  { log_limit: 200 },
)
