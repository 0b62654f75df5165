import { chmodSync, chownSync, lchownSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { execaSync } from 'execa'
import t from 'tap'
import { root } from '../../../support/require.ts'
import { rigTest } from '../../../support/rig.ts'

const runner = { metrics_file: 'metrics/runner.prom', retry_from: 'failed', max_tries: 2 }

rigTest(
  t,
  'root writes metrics into no directory of somebody else, nor to a device, and says what fixes it',
  { tasks: { a: '' }, runner, needs: [root] },
  async (t, rig) => {
    mkdirSync(rig.path('metrics'), { mode: 0o755 })
    const lost = async () => (await rig.finish()).all('notice').map(({ message }) => message)
    const refused: [loosen: () => void, message: RegExp][] = [
      [() => chownSync(rig.path('metrics'), 65534, 0), /belongs to user 65534 .*: chown root \S+metrics$/],
      [
        () => chmodSync(rig.path('metrics'), 0o777),
        /is writable by group or others .*: chmod go-w \S+metrics$/,
      ],
      [() => replaceByLink(rig.path('metrics'), rig.path('tasks.d')), /no metrics are written to/],
    ]
    for (const [loosen, message] of refused) {
      loosen()
      t.match(await lost(), [message])
      rmSync(rig.path('metrics'), { recursive: true })
      mkdirSync(rig.path('metrics'), { mode: 0o755 })
    }
    chmodSync(rig.path('metrics'), 0o1777)
    t.same(await lost(), [], "in one with the sticky bit nobody can touch what is root's")
    rmSync(rig.path('metrics/runner.prom'))
    execaSync('mknod', [rig.path('metrics/runner.prom'), 'c', '1', '3'])
    t.match(await lost(), [/it is a device/])
    t.ok(statSync(rig.path('metrics/runner.prom')).isCharacterDevice())
  },
)

/** A link of somebody else where a directory was. */
function replaceByLink(path: string, target: string): void {
  rmSync(path, { recursive: true })
  symlinkSync(target, path)
  lchownSync(path, 65534, 65534)
}
