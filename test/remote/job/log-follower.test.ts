import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import { makeMask } from '../../../src/protocol/mask/mask.ts'
import { DockerKeptFiles } from '../../../src/remote/executors/docker/kept-files.ts'
import { cutNotice, LogFollower } from '../../../src/remote/job/log-follower.ts'
import { GrowingLog } from '../../support/growing-log.ts'
import { sha256 } from '../../support/messages.ts'

const never = new AbortController().signal

t.test('whatever the chunks, the same bytes come out at the same offsets, and no secret', async () => {
  const mask = makeMask(['secret'])
  const piece = fc.constantFrom('sec', 'ret', 'secret', 'line\n', 'x', '')
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(piece), { maxLength: 8 }), async chunks => {
      const log = new GrowingLog()
      const follow = () => {
        let text = ''
        const follower = new LogFollower(mask, (bytes, offset) => {
          if (offset !== text.length) throw new Error(`offset ${offset} after ${text.length} bytes`)
          text += Buffer.from(bytes).toString()
        })
        return { follower, text: () => text }
      }
      const first = follow()
      const followed = first.follower.follow(log, never)
      for (const chunk of chunks) {
        await log.write(chunk.join(''))
      }
      log.end()
      await followed
      const end = await first.follower.end(log, never)
      const whole = chunks.flat().join('')
      const expected = whole.replaceAll('secret', '******')
      if (first.text() !== expected) throw new Error(`${first.text()} for ${whole}`)
      if (end.log_length !== expected.length) throw new Error('its length is wrong')
      const again = follow()
      const sha = sha256(expected)
      if ((await again.follower.end(log, never)).log_sha256 !== sha || again.text() !== expected)
        throw new Error('read again, it is another one')
    }),
  )
})

t.test('of a log beyond its limit come head and tail, always the same, and no part of a secret', async () => {
  const mask = makeMask(['secret'])
  const piece = fc.constantFrom('sec', 'ret', 'secret', 'line\n', 'x', '')
  const chunks = fc.array(fc.array(piece), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(chunks, fc.integer({ min: 0, max: 40 }), async (chunks, limit) => {
      const log = new GrowingLog()
      const follow = () => {
        let text = ''
        const take = (bytes: Uint8Array, offset: number) => {
          if (offset !== text.length) throw new Error(`offset ${offset} after ${text.length} bytes`)
          text += Buffer.from(bytes).toString()
        }
        return { follower: new LogFollower(mask, take, limit), text: () => text }
      }
      const first = follow()
      const followed = first.follower.follow(log, never)
      for (const chunk of chunks) {
        await log.write(chunk.join(''))
        if (first.text().length > limit / 2) throw new Error('more than the head came while it was written')
      }
      log.end()
      await followed
      const end = await first.follower.end(log, never)
      const whole = chunks.flat().join('').replaceAll('secret', '******')
      const head = Math.floor(limit / 2)
      const tail = whole.length - (limit - head)
      const expected =
        whole.length <= limit ? whole : whole.slice(0, head) + cutNotice(tail - head) + whole.slice(tail)
      if (first.text() !== expected) throw new Error(`${first.text()} for ${whole} and ${limit}`)
      const again = follow()
      const sha = sha256(expected)
      if (end.log_length !== expected.length || end.log_sha256 !== sha) throw new Error('its end is wrong')
      if ((await again.follower.end(log, never)).log_sha256 !== sha || again.text() !== expected)
        throw new Error('read again, it is another one')
    }),
  )
})

t.test('a log that is far larger than its limit is not read', async t => {
  const dir = t.testdir()
  const path = join(dir, 'log')
  writeFileSync(path, 'begin\n')
  truncateSync(path, 2 ** 40)
  let length = 0
  const files = new DockerKeptFiles(dir, undefined, systemClock)
  const follower = new LogFollower(
    makeMask([]),
    bytes => {
      length += bytes.length
    },
    2 ** 20,
  )
  await follower.follow(files, never)
  t.equal(length, 2 ** 19)
  t.equal((await follower.end(files, never)).log_length, 2 ** 20 + cutNotice(2 ** 40 - 2 ** 20).length)
})
