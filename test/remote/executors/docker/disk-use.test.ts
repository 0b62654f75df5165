import { once } from 'node:events'
import { statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import t from 'tap'
import {
  namedUse,
  namelessUse,
  processesOf,
  together,
} from '../../../../src/remote/executors/docker/disk-use.ts'

t.test('files without a name count once, whoever holds them, and those in memory do not', async t => {
  const script = `
exec 3>open 4>named 5>/dev/shm/runner-test-$$
rm open /dev/shm/runner-test-$$
for fd in 3 4 5; do head -c 1000000 /dev/zero >&$fd; done
sleep 1000 & echo $!; read done; kill $!; wait $!`
  const dir = t.testdir()
  const child = execa('sh', ['-c', script], {
    cwd: dir,
    stdio: ['pipe', 'pipe', 'inherit'],
    reject: false,
  })
  const [other] = await once(child.stdout, 'data')
  const processes = [String(child.pid), String(other).trim()]
  const { bytes, missing } = await namelessUse(processes)
  // TMPFS_MAGIC of statfs(2): there the checkout is in memory, too.
  const onDisk = statfsSync(dir).type === 0x01021994 ? 0 : 1_000_000
  t.ok(bytes >= onDisk && bytes <= onDisk * 1.1, `${bytes} bytes`)
  t.equal(missing, undefined)
  child.stdin.end('\n')
  await child
  t.same(await namelessUse(processes), { bytes: 0 }, 'of processes that have ended nothing is left')
})

t.test('without processes to look at, or those of somebody else, that is said', async t => {
  t.same(await processesOf('no such container'), [])
  t.match(await namelessUse([]), { unseen: 'files without a name' })
})

t.test('what du may not read, or has no time for, is missing; what has gone meanwhile is not', async t => {
  const dir = t.testdir()
  const box = (text: string) => {
    const path = join(dir, 'box')
    writeFileSync(path, `#!/bin/sh\n${text}`, { mode: 0o755 })
    return path
  }
  t.same(await namedUse(box('echo "4 /a"; echo "8 /b"'), ['/a', '/b']), { bytes: 12 * 1024 })
  const gone = box('echo "4 /a"; echo "du: /a/b: No such file or directory" >&2; exit 1')
  t.same(await namedUse(gone, ['/a']), { bytes: 4096 })
  const closed = box('echo "4 /a"; echo "du: /a/b: Permission denied" >&2; exit 1')
  t.match(await namedUse(closed, ['/a']), { bytes: 4096, missing: /may not look/ })
  t.match(await namedUse(box('kill -9 $$'), ['/a']), { bytes: 0, missing: /not counted/ })
  t.same(together({ bytes: 1 }, { bytes: 2, missing: 'x' }, { bytes: 3, unseen: 'files without a name' }), {
    bytes: 6,
    missing: 'x',
    unseen: 'files without a name',
  })
})
