import { execaSync } from 'execa'
import fc from 'fast-check'
import t from 'tap'
import { orderText, parseExit, wordsOf } from '../../../../src/remote/executors/handover/order.ts'

t.test('command replaces entry point and command, args the command only', async t => {
  const image = { reference: 'i', entrypoint: ['e'], command: ['c'] }
  const words = (spec: object) => wordsOf(image, { env: {}, ...spec })
  t.match(words({}), { value: ['e', 'c'] })
  t.match(words({ args: ['a'] }), { value: ['e', 'a'] })
  t.match(words({ args: [] }), { value: ['e'] })
  t.match(words({ command: ['x', 'y'] }), { value: ['x', 'y'] })
  t.match(wordsOf({ ...image, entrypoint: [], command: [] }, { env: {} }), { ok: false })
})

t.test('any words and values come through the shell as they are', async t => {
  const text = fc.string({ unit: 'binary' }).map(text => text.replaceAll('\0', '').toWellFormed())
  fc.assert(
    fc.property(fc.array(text, { maxLength: 5 }), text, (words, value) => {
      const order = orderText(
        ['p', ...words],
        { VALUE: value, 'od-d': value },
        { env: ['IMAGE=1'], workdir: '' },
      )
      if (!order.ok) throw new Error(order.failure)
      const script = `${order.value}for w in "$rnr_program" "$rnr_workdir" "$IMAGE" "$VALUE" "$@"; do printf '%s\\0' "$w"; done; eval "set -- $rnr_odd"; printf '%s\\0' "$@"`
      const out = execaSync('sh', ['-c', script], { stripFinalNewline: false }).stdout
      const expected = ['p', '/', '1', value, ...words, `od-d=${value}`]
      if (out !== `${expected.join('\0')}\0`) throw new Error(JSON.stringify(out))
    }),
    { numRuns: 50 },
  )
  t.match(orderText(['p\0'], {}, { env: [], workdir: '' }), { ok: false })
})

t.test('an exit counts only with its nonce, and whole', async t => {
  t.same(parseExit('ab 3 limit 1 0 2\n', 'ab'), {
    code: 3,
    why: 'limit',
    killed: true,
    refused: false,
    left: 2,
  })
  t.match(parseExit('ab 3 exit 0 0 0\nthe rest of its place', 'ab'), { code: 3 })
  t.equal(parseExit('ab 3 exit 0 0 0\nused ', 'ab')?.used, undefined, 'a supervisor of an earlier release')
  t.same(parseExit('ab 3 exit 0 0 0\nused 1500000 -\n   ', 'ab')?.used, { cpuSeconds: 1.5 })
  t.same(parseExit('ab 3 exit 0 0 0\nused - 4096\n   ', 'ab')?.used, { peakMemoryBytes: 4096 })
  t.equal(parseExit('ab 3 exit 0 0 0\nused - -\n', 'ab')?.used, undefined)
  t.equal(parseExit('ab 0 exit 0 0 0\nused - -\nstays\n', 'ab')?.plugin, 'stays')
  for (const text of ['', 'ab', 'ab 3 limit 1 0 2', 'ac 3 exit 0 0 0\n', 'ab 3 other 0 0 0\n'])
    t.equal(parseExit(text, 'ab'), undefined, text)
})
