import { chmodSync, chownSync, lchownSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import t from 'tap'
import { root } from '../../support/require.ts'
import { type Rig, rigTest } from '../../support/rig.ts'

/** Ways in which somebody else than root gets into a state directory. */
const intruders: [title: string, make: (rig: Rig) => void, message: RegExp][] = [
  [
    'sticky',
    rig => chmodSync(rig.path('state'), 0o1777),
    /state is writable by others than root: name a place in a directory of root's own/,
  ],
  [
    'of another',
    rig => chownSync(rig.path('state'), 65534, 0),
    /state belongs to user 65534 .*: chown root /,
  ],
  [
    'with locks of another',
    rig => chownSync(rig.path('state/locks'), 65534, 0),
    /locks belongs to user 65534/,
  ],
  [
    'with sticky runs',
    rig => chmodSync(rig.path('state/runs'), 0o1777),
    /runs is writable by others than root/,
  ],
  [
    'a link of another',
    rig => {
      renameSync(rig.path('state'), rig.path('elsewhere'))
      symlinkSync('elsewhere', rig.path('state'))
      lchownSync(rig.path('state'), 65534, 65534)
    },
    /state belongs to user 65534 .*: chown -h root /,
  ],
]
for (const [title, make, message] of intruders)
  rigTest(
    t,
    `root keeps no records in a state directory that is ${title}, and writes nothing there`,
    { tasks: { a: '' }, needs: [root] },
    async (t, rig) => {
      t.equal((await rig.finish()).status, 0)
      make(rig)
      const before = readdirSync(rig.path('state'), { recursive: true })
      const run = await rig.finish()
      t.equal(run.status, 0)
      t.match(run.all('notice'), [{ reason: 'state-lost', message }])
      t.same(readdirSync(rig.path('state'), { recursive: true }), before)
      for (const name of readdirSync(rig.path('tmp'))) rmSync(rig.path('tmp', name), { recursive: true })
      // Those that use the directory itself.
      const others = [['drain'], ['server'], ['attach', '--server', 'http://127.0.0.1:1']]
      for (const words of /locks|runs/.test(title) ? [] : others) {
        rig.configure({}, '[remote]\nstate_dir = state\n[server]\nlisten = 127.0.0.1:0\ndata_dir = state\n')
        const refused = rig.start(words)
        const status = await refused.ended
        t.ok(status === 78 || status === 69, `${words[0]}: ${status}`)
        t.match(refused.text, message, words[0]!)
      }
    },
  )
