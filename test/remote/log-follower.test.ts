import { createHash } from 'node:crypto'
import { appendFileSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { makeMask } from '../../src/protocol/mask.ts'
import { LogFollower } from '../../src/remote/log-follower.ts'

t.test('whatever the chunks, the same bytes come out at the same offsets, and no secret', async t => {
  const dir = t.testdir()
  let count = 0
  const mask = makeMask(['secret'])
  const piece = fc.constantFrom('sec', 'ret', 'secret', 'line\n', 'x', '')
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(piece), { maxLength: 8 }), async chunks => {
      const path = join(dir, String(count++))
      writeFileSync(path, '')
      const follow = () => {
        let text = ''
        const follower = new LogFollower(openSync(path, 'r'), mask, (bytes, offset) => {
          if (offset !== text.length) throw new Error(`offset ${offset} after ${text.length} bytes`)
          text += Buffer.from(bytes).toString()
        })
        return { follower, text: () => text }
      }
      const first = follow()
      for (const chunk of chunks) {
        appendFileSync(path, chunk.join(''))
        await first.follower.more()
      }
      const end = await first.follower.end()
      const whole = chunks.flat().join('')
      const expected = whole.replaceAll('secret', '******')
      if (first.text() !== expected) throw new Error(`${first.text()} for ${whole}`)
      if (end.log_length !== expected.length) throw new Error('its length is wrong')
      const again = follow()
      const sha = createHash('sha256').update(expected).digest('hex')
      if ((await again.follower.end()).log_sha256 !== sha || again.text() !== expected)
        throw new Error('read again, it is another one')
      first.follower[Symbol.dispose]()
      again.follower[Symbol.dispose]()
    }),
  )
})
