import fc from 'fast-check'
import t from 'tap'
import { grown, newLog } from '../../src/server/log-rows.ts'
import { longestChunk } from '../../src/server/logs.ts'
import { testId } from '../support/server-rows.ts'
import { onEachWorld, sha256, type World } from '../support/server-world.ts'

t.setTimeout(120_000)

const kept = (world: World, id: string, offset = 0, length = 1_000_000) =>
  world.store.read(async tx => String(await tx.readLog(id, offset, length)))
const row = async (world: World, id: string) => (await world.store.read(tx => tx.log(id)))!

onEachWorld(t, 'chunks are appended in order, and one that comes twice changes nothing', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner)
  const send = (offset: number, text: string) => world.log(runner, reservation, offset, text)
  t.same(await send(0, 'one '), { ok: true, value: { length: 4 } })
  t.same(await send(0, 'one '), { ok: false, failure: { reason: 'wrong-offset', length: 4 } })
  t.same(await send(5, 'hole'), { ok: false, failure: { reason: 'wrong-offset', length: 4 } })
  t.same(await send(4, ''), { ok: true, value: { length: 4 } })
  t.same(await send(4, 'two'), { ok: true, value: { length: 7 } })
  t.equal(await kept(world, reservation.execution_id), 'one two')
})

onEachWorld(
  t,
  'what is lost may still log, what is not confirmed or not theirs may not',
  async (t, world) => {
    const runner = await world.addRunner()
    const lost = await world.start(runner)
    await world.submit()
    const [reserved] = await world.reserve(runner)
    t.match(await world.log(runner, reserved!, 0, 'x'), { failure: { reason: 'reservation-expired' } })
    const other = { ...lost, lease_id: testId(4) }
    t.match(await world.log(runner, other, 0, 'x'), { failure: { reason: 'reservation-expired' } })
    await world.wait(65)
    t.match(await world.execution(lost.execution_id), { state: 'lost' })
    t.ok((await world.log(runner, lost, 0, 'x')).ok)
  },
)

onEachWorld(t, 'a chunk has a mebibyte at most', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner)
  t.ok((await world.log(runner, reservation, 0, Buffer.alloc(longestChunk))).ok)
  t.match(await world.log(runner, reservation, longestChunk, Buffer.alloc(longestChunk + 1)), {
    failure: { reason: 'too-large' },
  })
})

onEachWorld(
  t,
  'after the result chunks are taken until the log is whole (buildkite/agent#1208)',
  async (t, world) => {
    const runner = await world.addRunner()
    const reservation = await world.start(runner)
    const { execution_id: id } = reservation
    await world.log(runner, reservation, 0, 'abc')
    await world.result(runner, reservation, { log_length: 6, log_sha256: sha256('abcdef') })
    t.match(await row(world, id), { complete: false, final_length: 6 })
    t.match(await world.log(runner, reservation, 3, 'defg'), { failure: { reason: 'already-finished' } })
    t.ok((await world.log(runner, reservation, 3, 'def')).ok)
    t.match(await row(world, id), { complete: true })
    t.match(await world.log(runner, reservation, 6, 'g'), { failure: { reason: 'already-finished' } })
    t.equal(await kept(world, id), 'abcdef')
  },
)

onEachWorld(t, 'a log that is not what the result says is not complete', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner)
  await world.log(runner, reservation, 0, 'abc')
  await world.result(runner, reservation, { log_length: 3, log_sha256: sha256('abd') })
  t.match(await row(world, reservation.execution_id), { complete: false, length: 3 })
})

onEachWorld(
  t,
  'beyond the limit head and tail are kept, and it says so (gitlab-runner#27601)',
  async (t, world) => {
    const runner = await world.addRunner()
    const reservation = await world.start(runner)
    const { execution_id: id } = reservation
    const text = Array.from({ length: 50 }, (_, line) => `line ${line}\n`).join('')
    let offset = 0
    for (const part of text.match(/[\s\S]{1,33}/g)!) {
      const answer = await world.log(runner, reservation, offset, part)
      offset += part.length
      t.match(answer, { value: { length: offset } })
      t.equal(answer.ok && answer.value.truncated === true, offset > 100)
    }
    await world.result(runner, reservation, { log_length: text.length, log_sha256: sha256(text) })
    const log = await row(world, id)
    t.match(log, { length: text.length, head: 50, tail: text.length - 50, complete: true })
    t.equal(await kept(world, id, 0, log.head!), text.slice(0, 50))
    t.equal(await kept(world, id, log.tail!, 50), text.slice(-50))
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

onEachWorld(t, 'secrets are masked, also where chunks cut them, and offsets hold', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner, { secret_env: { TOKEN: 'correct horse' } })
  const { execution_id: id } = reservation
  const base64 = Buffer.from('correct horse').toString('base64')
  const text = `a correct horse, ${encodeURIComponent('correct horse')} "correct horse" ${base64} battery`
  for (let offset = 0; offset < text.length; offset += 5)
    t.ok((await world.log(runner, reservation, offset, text.slice(offset, offset + 5))).ok)
  await world.result(runner, reservation, { log_length: text.length, log_sha256: sha256('as runner has it') })
  const shown = await kept(world, id)
  t.equal(shown.length, text.length)
  t.match(shown, /^a \*{13}, \*{15} "\*{13}" \*+=* battery$/)
  t.match(await row(world, id), { masked: true, complete: true })
})

onEachWorld(t, 'markers become comments and the status line, however they are cut', async (t, world) => {
  const runner = await world.addRunner()
  const text = [
    'x ##[start: status]10 %##[end: status]\n',
    'INFO ##[start: comment]one\ntwo##[end: comment] rest\n',
    '##[start: comment]three##[end: comment]##[start: status]done##[end: status]\n',
  ].join('')
  for (const size of [1, 7, 1000]) {
    const reservation = await world.start(runner)
    for (let offset = 0; offset < text.length; offset += size)
      await world.log(runner, reservation, offset, text.slice(offset, offset + size))
    t.match(await row(world, reservation.execution_id), {
      comments: ['one\ntwo', 'three'],
      status_line: 'done',
    })
    t.equal(await kept(world, reservation.execution_id), text)
    await world.result(runner, reservation)
  }
})

onEachWorld(t, 'a secret in a comment is masked, too', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner, { secret_env: { TOKEN: 'battery' } })
  await world.log(runner, reservation, 0, '##[start: comment]bat')
  await world.log(runner, reservation, 21, 'tery##[end: comment]')
  t.match(await row(world, reservation.execution_id), { comments: ['*******'] })
})

onEachWorld(t, 'comments without a text are no more than others', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner)
  const chunk = '##[start: comment]##[end: comment]'.repeat(20_000)
  for (let count = 0; count < 3; count++) await world.log(runner, reservation, count * chunk.length, chunk)
  const { comments } = (await row(world, reservation.execution_id))!
  t.equal(comments.length, 2621)
})

onEachWorld(
  t,
  'a marker that lost its middle is no marker',
  async (t, world) => {
    const runner = await world.addRunner()
    const reservation = await world.start(runner)
    await world.log(runner, reservation, 0, `##[start: comment]${'x'.repeat(300)}`)
    await world.log(runner, reservation, 318, '##[end: comment]##[start: status]ok##[end: status]')
    t.match(await row(world, reservation.execution_id), { comments: [], status_line: 'ok' })
  },
  { log_limit: 200 },
)
