import { machine, release } from 'node:os'
import { execaSync } from 'execa'
import fc from 'fast-check'
import t from 'tap'
import { hostText, longestFact, parseOsRelease, readHostFacts } from '../../src/system/host-facts.ts'

const debian = `PRETTY_NAME="Debian GNU/Linux 13 (trixie)"
NAME="Debian GNU/Linux"
VERSION_ID="13"
VERSION="13 (trixie)"
ID=debian
HOME_URL="https://www.debian.org/"
`

t.test('system, version, architecture and kernel are told', async t => {
  const facts = readHostFacts(t.testdir({ etc: { 'os-release': debian } }))
  t.same(facts, {
    os: 'Debian GNU/Linux',
    os_version: '13 (trixie)',
    architecture: machine(),
    kernel: release(),
  })
  t.equal(hostText(facts), `Debian GNU/Linux 13 (trixie), ${machine()}, kernel ${release()}`)
})

t.test('the second place counts where the first is empty, and without any only the kernel tells', async t => {
  const usr = { lib: { 'os-release': "# a comment\nID=alpine\nVERSION_ID='3.20'\n" } }
  t.match(readHostFacts(t.testdir({ usr })), { os: 'alpine', os_version: '3.20' })
  const bare = readHostFacts(t.testdir({ etc: {} }))
  t.same(Object.keys(bare), ['architecture', 'kernel'])
  t.match(hostText(bare), /^an unnamed system, /)
  t.equal(hostText({}), 'an unnamed system')
})

t.test('of a hostile file each fact is a short line, or is not there', async t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), value => {
      const text = `NAME="${value}"\nVERSION=${value}\n[${value}]\n${value}\n`
      const facts = readHostFacts(t.testdir({ etc: { 'os-release': text } }))
      for (const fact of Object.values(facts)) {
        t.ok(fact.length > 0 && [...fact].length <= longestFact && fact.isWellFormed())
        t.notMatch(fact, /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u)
      }
    }),
    { numRuns: 20 },
  )
  const long = t.testdir({ etc: { 'os-release': `NAME=a\n${'#'.repeat(70_000)}` } })
  t.equal(readHostFacts(long).os, undefined)
})

t.test('values are read as a shell reads them', async t => {
  const plain = fc.string({ unit: fc.constantFrom(...'abcXYZ0123456789._-'), minLength: 1, maxLength: 12 })
  const text = fc.string({ unit: fc.constantFrom(...'abc 019.,:;/()#=&é'), maxLength: 20 }).map(s => s.trim())
  const assignment = fc.oneof(
    plain,
    text.map(value => `"${value}"`),
    text.map(value => `'${value}'`),
    fc
      .array(fc.constantFrom('a', ' ', '\\$', '\\`', '\\"', '\\\\', "'"), { maxLength: 8 })
      .map(parts => `"${parts.join('')}"`),
  )
  fc.assert(
    fc.property(fc.array(assignment, { minLength: 1, maxLength: 30 }), values => {
      const file = values.map((value, index) => `V${index}=${value}\n`).join('')
      const script = `${file}for n in ${values.map((_, index) => `V${index}`).join(' ')}; do eval "printf '%s\\\\0' \\"\\$$n\\""; done`
      const byShell = execaSync('sh', ['-c', script]).stdout.split('\0').slice(0, -1)
      const read = parseOsRelease(file)
      t.same(
        values.map((_, index) => read[`V${index}`] ?? ''),
        byShell,
        file,
      )
    }),
    { numRuns: 30 },
  )
})
