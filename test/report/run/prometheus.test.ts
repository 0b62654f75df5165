import fc from 'fast-check'
import t from 'tap'
import { readSamples, writeSamples } from '../../../src/report/run/prometheus.ts'

t.test('labels are escaped as the format demands', async t => {
  const labels = { task: 'a"b\\c\nd' }
  t.equal(
    writeSamples('m', 'gauge', 'What it says.', [{ metric: 'm', labels, value: 0.5 }]),
    '# HELP m What it says.\n# TYPE m gauge\nm{task="a\\"b\\\\c\\nd"} 0.5\n',
  )
  t.equal(writeSamples('m', 'gauge', 'What it says.', []), '')
})

t.test('what is written is read back, whatever is in a label', async () => {
  const label = fc.string({ unit: 'grapheme' })
  fc.assert(
    fc.property(label, label, fc.double({ noNaN: true, noDefaultInfinity: true }), (task, result, value) => {
      const sample = { metric: 'm', labels: { task, result }, value }
      const [back, ...more] = readSamples(writeSamples('m', 'gauge', 'x', [sample]))
      return (
        more.length === 0 &&
        back?.labels.task === task &&
        back.labels.result === result &&
        back.value === value + 0
      )
    }),
  )
})

t.test('lines of another form are passed over', async t => {
  t.same(readSamples('# HELP m x\nm 1\nm{a="b} 1\nm{a="b"} x\nother{} 2'), [
    { metric: 'other', labels: {}, value: 2 },
  ])
})
