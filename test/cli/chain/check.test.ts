import { rmSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { parseIni } from '../../../src/config/ini/ini.ts'
import { iniEntry } from '../../../src/config/ini/ini-entry.ts'
import { rigTest } from '../../support/rig.ts'

t.test('an entry that is written reads back as the same value', async () => {
  const line = fc.stringMatching(/^[a-z;#=:[\]'"\\-]{1,12}$/).filter(text => !/^[#;]/.test(text))
  const value = fc.oneof(
    fc.constantFrom('', ';x', '#x', ';', '007', 'a;b', 'a#b', '[x]', '= :'),
    fc.array(line, { minLength: 1, maxLength: 4 }).map(lines => lines.join('\n')),
  )
  fc.assert(
    fc.property(value, value => {
      const { entries } = parseIni(Buffer.from(`[s]\n${iniEntry('key', value)}`), 'x')
      return entries.length === 1 && entries[0]!.key === 'key' && entries[0]!.value === value
    }),
    { numRuns: 2000 },
  )
})

rigTest(
  t,
  'check --effective prints what is in force with its origins, and it reads back as the same',
  { config: '[a]\nk =;secret\nlong = one\n  two\n\n  three\n', tasks: { a: 'exit 0' } },
  async (t, rig) => {
    const run = rig.start(['check', '--effective'])
    t.equal(await run.ended, 0)
    t.match(run.text, /^# .*runner\.cfg:\d+\nsleep_time = /m)
    t.match(run.text, /^# default\nhalt_task = halt\.sh$/m)
    writeFileSync(rig.path('again.cfg'), run.text, { mode: 0o644 })
    for (const key of ['a.k', 'a.long', 'runner.max_tries', 'runner.backoff']) {
      const ask = async (file: string) => {
        const answer = rig.start(['-c', rig.path(file), 'get', '--json', key])
        await answer.ended
        return JSON.parse(answer.text).value
      }
      if (key.startsWith('a.')) t.equal(await ask('again.cfg'), await ask('runner.cfg'), key)
      else t.type(await ask('again.cfg'), 'string', key)
    }
  },
)

for (const [typo, meant] of [
  ['max_tires', 'max_tries'],
  ['slep_time', 'sleep_time'],
  ['Max_Time', 'max_time'],
  ['retry-jitter', 'retry_jitter'],
] as const)
  rigTest(
    t,
    `${typo} is an error in [runner] and a warning for a task`,
    { config: `[a]\n${typo} = 1\n`, tasks: { a: 'exit 0' } },
    async (t, rig) => {
      const check = rig.start(['check'])
      t.equal(await check.ended, 0)
      t.match(check.text, `did you mean ${meant}?`)
      rig.configure({ [typo]: 1 })
      const broken = rig.start(['check'])
      t.equal(await broken.ended, 78)
      t.match(
        broken.text,
        new RegExp(`runner\\.cfg:\\d+: error: \\[runner\\] has no key ${typo}\n    did you mean ${meant}\\?`),
      )
    },
  )

rigTest(
  t,
  'check tells of image patterns that crossed a slash',
  { tasks: { a: 'exit 0' } },
  async (t, rig) => {
    const images = (patterns: string) => rig.configure({}, `[executor]\nimages = ${patterns}`)
    images('*.corp.example/*, corp.example/app:*')
    const told = rig.start(['check'])
    t.equal(await told.ended, 0)
    t.match(told.text, /notice: images has \*\.corp\.example\/\*: .*\n {4}write \*\.corp\.example\/\*\* /)
    t.match(told.text, /; 1 notice\n/)
    for (const patterns of ['*', '*.corp.example/**, corp.example/app:*']) {
      images(patterns)
      const quiet = rig.start(['check'])
      t.equal(await quiet.ended, 0)
      t.notMatch(quiet.text, /notice/)
    }
  },
)

rigTest(
  t,
  "check gives a notice where a configuration in build-runner's style does not set retry_from",
  { tasks: { a: '', b: '' } },
  async (t, rig) => {
    const said = async (runner: string) => {
      rig.file('runner.cfg', `[runner]\n${runner}`)
      const check = rig.start(['check'])
      t.equal(await check.ended, 0)
      return check.text
    }
    const notice = /runner\.cfg: notice: retry_from is not set: .*\n.*from-build-runner\.md\n/
    t.match(await said('max_tries = 3\nsleep_time = 1\ntask_hook = true\n'), notice)
    t.match(await said('compatible = yes\nkill_grace = 1\n'), notice)
    for (const other of ['max_tries = 3\nretry_from = beginning\n', 'max_tries = 3\nkill_grace = 1\n', ''])
      t.notMatch(await said(other), 'notice', other)
    rmSync(rig.path('tasks.d', 'b'))
    t.notMatch(await said('max_tries = 3\n'), 'notice', 'one task is first and failed')
  },
)
