import { join } from 'node:path'
import { execa } from 'execa'
import t from 'tap'
import { mounts } from '../../support/mounts.ts'
import { testWith } from '../../support/require.ts'

testWith(
  t,
  'a full disk and one that cannot be written to fail what needs it, until that is over',
  [mounts],
  async t => {
    const dir = t.testdir({})
    const script = join(import.meta.dirname, '..', '..', 'store', 'full-disk-child.ts')
    const mounting = 'mount -t tmpfs -o size=3m,mode=755 none "$1" && exec "$2" "$3" "$1"'
    const { stdout } = await execa(
      'unshare',
      ['-m', 'sh', '-c', mounting, 'sh', dir, process.execPath, script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    t.same(JSON.parse(stdout), {
      filled: 'disk-full',
      log: 'disk-full',
      'a read while it is full': true,
      'after there is room again': 'fine',
      'read-only': 'read-only',
      'a store that is opened now': 'not-accessible',
      'a read while it is read-only': true,
      'after it can be written again': 'fine',
      'what was acknowledged is there': true,
    })
  },
)
