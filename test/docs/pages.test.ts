import { join } from 'node:path'
import t from 'tap'
import { blocksOf, compare, constantPart } from '../support/pages.ts'

const page = `# A page
\`\`\`sh
echo one
\`\`\`

prints

\`\`\`
one
\`\`\`

## More

1. A script:

   \`\`\`sh
   #!/bin/sh
   # tasks.d/20-mount.sh
   exit 1
   \`\`\`

<!-- ends with 2 -->
\`\`\`sh
runner run
\`\`\`

<!-- not run: it takes a day -->
\`\`\`sh
sleep 86400
\`\`\`

<!-- other terminal -->
\`\`\`sh
runner server
\`\`\`

<!-- file: rules.json -->
\`\`\`json
{}
\`\`\`

\`\`\`ini
[runner]
\`\`\`
`

t.test('the blocks of a page say what is to be done with them', async t => {
  const dir = t.testdir({ 'page.md': page })
  const blocks = blocksOf(join(dir, 'page.md'))
  t.match(blocks, [
    { does: 'run', text: 'echo one\n', prints: 'one\n', line: 3, section: 'A page' },
    { does: 'file', path: 'tasks.d/20-mount.sh', text: /^#!/, section: 'More' },
    { does: 'run', status: 2, prints: undefined },
    { does: 'nothing' },
    { does: 'lasts', text: 'runner server\n' },
    { does: 'file', path: 'rules.json' },
    { does: 'nothing', language: 'ini' },
  ])
  t.equal(blocks.length, 7)
})

t.test('what comes is compared with what a page says', async t => {
  const is = (says: string, came: string) => t.ok(compare(says, came), came)
  const isNot = (says: string, came: string) => t.notOk(compare(says, came), came)
  is('runner: OK (18 ms)\n', 'runner: OK (1.4 s)\n')
  isNot('runner: OK (18 ms)\n', 'runner: RETRY (18 ms)\n')
  is('id   state\na …\n…\nlast\n', 'id  state\na  1 2\nx\ny\nlast\n')
  isNot('one\n', 'one\ntwo\n')
  isNot('a.c\n', 'abc\n')
  is('at 2026-11-30T12:00:00Z\n', 'at 2027-01-01T00:00:00.123Z\n')
  is('next on Tue 1 Dec 2026 02:30 (UTC), in 2 days\n', 'next on Sun 13 Jun 2027 02:30 (UTC), in 3 h 4 min\n')
  const ids = compare('0199f3c2-7a1b done\n', '01a2285c-faef-7 done\n')
  t.same([...ids!], [['0199f3c2-7a1b', '01a2285c-faef-7']])
  t.equal(constantPart('listens on …\nrunner: in 3 s it is there\n'), ' it is there')
})
