import {
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import t from 'tap'
import { root } from '../../../support/require.ts'
import { rigTest } from '../../../support/rig.ts'

rigTest(
  t,
  'root puts no store and no key where somebody else could put links or files of theirs',
  { needs: [root] },
  async (t, rig) => {
    const theirs = rig.path('theirs')
    mkdirSync(theirs)
    chownSync(theirs, 65534, 65534)
    symlinkSync('elsewhere.db', rig.path('link.db'))
    lchownSync(rig.path('link.db'), 65534, 65534)
    writeFileSync(rig.path('good.key'), Buffer.alloc(32, 1), { mode: 0o600 })
    chownSync(rig.path('good.key'), 65534, 65534)
    for (const keys of [
      'database = sqlite:theirs/x.db',
      'database = sqlite:theirs/new/x.db',
      'database = sqlite:link.db',
      'key_file = theirs/key',
      'key_file = good.key',
      'data_dir = theirs/data',
    ])
      for (const words of [['server'], ['server', 'backup', 'copy'], ['server', 'restore', 'copy']]) {
        rig.configure({}, `[server]\nlisten = 127.0.0.1:0\n${keys}\n`)
        const run = rig.start(words)
        t.equal(await run.ended, 69, `${words.join(' ')}: ${keys}`)
        t.match(run.text, /(theirs|link\.db|good\.key) belongs to user 65534 .*: chown (-h )?root /)
      }
    t.same(readdirSync(theirs), [], 'nothing is made there')
    t.notOk(existsSync(rig.path('elsewhere.db')))
    rig.configure({}, '[server]\nlisten = 127.0.0.1:0\ndatabase = sqlite:theirs/x.db\n')
    const insecure = rig.start(['server', '--insecure-permissions'], { lasting: true })
    await insecure.says('listens on')
    insecure.child.kill()
    t.equal(await insecure.ended, 0)
  },
)
