import fc from 'fast-check'
import t from 'tap'
import { change, logged, sent, view } from '../../support/sent.ts'
import { onEachStore } from '../../support/server-rig.ts'

onEachStore(
  t,
  'the output is the end of the log, cut between characters, whatever their length',
  async (t, rig) => {
    const id = await sent(rig)
    await change(rig, id, { state: 'running' })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'ü', '€', '😀'), { minLength: 1, maxLength: 7 }),
        fc.integer({ min: 0, max: 3 }),
        async (characters, cut) => {
          const text = characters.join('').repeat(Math.ceil(70_000 / characters.length))
          const whole = Buffer.from(text)
          const bytes = whole.subarray(0, whole.length - cut)
          await logged(rig, id, bytes)
          const { output } = await view(rig, id)
          if (output.includes('\ufffd') || !text.includes(output)) return false
          const size = Buffer.byteLength(output)
          return size <= 65_536 && size > 65_536 - 8
        },
      ),
      { numRuns: 20 },
    )
    await change(rig, id, { state: 'succeeded', finished_at: rig.now() })
    await logged(rig, id, Buffer.from('\ufeffok \u20ac').subarray(0, -1))
    t.equal((await view(rig, id)).output, '\ufeffok \ufffd')
  },
)

onEachStore(t, 'of a log without its middle the output is from the tail', async (t, rig) => {
  const id = await sent(rig)
  await logged(rig, id, Buffer.from('head-middle-tail'), {
    head: 4,
    tail: 12,
    comments: ['c'],
    status_line: 's',
  })
  t.match(await view(rig, id), {
    output: 'tail',
    comments: ['c'],
    status_line: 's',
    log: { length: 16, truncated: true, sha256: null, complete: false },
  })
})
