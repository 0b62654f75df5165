import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import t from 'tap'
import { systemClock } from '../../../../../src/edges.ts'
import { isAlive, JobDirectory } from '../../../../../src/remote/executors/host/job-directory.ts'
import { HostRig } from '../../../../remote/executors/host/host-subject.ts'
import { Bench, logOf, value } from '../../../../remote/executors/subject.ts'
import { mounts } from '../../../../support/mounts.ts'
import { program, root, testWith } from '../../../../support/require.ts'

t.setTimeout(360_000)

testWith(t, 'a job of another user sees its own files alone', [root], async t => {
  using rig = new HostRig()
  const bench = await Bench.make(rig.subject())
  try {
    const look =
      'id -u; id -g; id -G; pwd; cat ../order.json ../log ../begun.json 2>/dev/null; ls .. "$0" 2>/dev/null; echo end'
    const { handle } = await bench.start([], { command: ['sh', '-c', look, rig.options.workDir] })
    const jobs = join(rig.options.workDir, `r.${bench.slot.ref.id}`, 'jobs')
    const files = join(jobs, readdirSync(jobs)[0]!, 'files')
    t.equal(await logOf(handle), `65534\n65534\n65534\n${files}\nend\n`)
    const { uid, mode } = statSync(files)
    t.same([uid, mode & 0o7777], [65534, 0o700])
  } finally {
    await bench.close()
  }
})

/** A small disk of its own, which goes with a process; resolves to the path by which this process gets to it. */
async function mountDisk(path: string): Promise<AsyncDisposable & { place: string }> {
  mkdirSync(path)
  const mount = 'mount -t tmpfs -o size=2m,mode=711 none "$1" && echo mounted && exec sleep infinity'
  const words = ['--pdeathsig', 'KILL', 'unshare', '--mount', 'sh', '-c', mount, 'sh', path]
  const holder = execa('setpriv', words, { stdio: ['ignore', 'pipe', 'inherit'], reject: false })
  await once(holder.stdout, 'data')
  return {
    place: `/proc/${holder.pid}/root${path}`,
    async [Symbol.asyncDispose]() {
      holder.kill('SIGKILL')
      await holder
    },
  }
}

testWith(
  t,
  'slots on another disk than the spool, and that disk full',
  [mounts, program('setpriv')],
  async t => {
    using rig = new HostRig()
    await using disk = await mountDisk(join(rig.directory, 'disk'))
    const workDir = join(disk.place, 'work')
    // Nobody else gets through the other process to its disk.
    const bench = await Bench.make(rig.subject({ workDir, user: 'own' }))
    try {
      const plugin = { input: '{}', sessionKey: '', releaseUrl: '' }
      const { handle, kept } = await bench.start([], {
        command: ['sh', '-c', 'echo one > output; echo two'],
        plugin,
      })
      t.match(await handle.exited, { by: 'status', code: 0 })
      value(await handle.keep())
      t.equal(await bench.slot.clean(), 'clean')
      t.notOk(existsSync(join(kept, 'leaf')), 'it stays on its disk')
      bench.restart()
      const next = await bench.recover(handle, kept)
      t.match(await next.exited, { by: 'status', code: 0 })
      t.equal(Buffer.from(value(await next.output(10)) ?? []).toString(), 'one\n')
      value(await next.trim())
      const files = bench.backend.kept(handle.state, kept)
      t.equal(await logOf(files, 1), 'wo\n')
      t.equal(value(await next.output(10)), undefined, 'only the log is left')
      value(await files.discard())
      t.equal(await logOf(files), '')
      t.same(
        readdirSync(workDir).filter(name => name.includes('ended')),
        [],
      )

      const loud = await bench.start([], { command: ['sh', '-c', 'echo began; yes'] })
      t.match(await loud.handle.exited, { by: 'disk', message: /disk.*was full/ })
      t.ok(/^began\n(y\n){1000}/.test(await logOf(loud.handle)))
      value(await loud.handle.keep())
      value(await loud.handle.discard())

      const quiet = await bench.start(['say:one', 'hold:it', 'exit:3'])
      for await (const _ of quiet.handle.log(0, AbortSignal.timeout(30_000))) break
      const filling = join(disk.place, 'filling')
      t.throws(() => writeFileSync(filling, Buffer.alloc(3_000_000)), { code: 'ENOSPC' })
      const jobs = join(workDir, `r.${bench.slot.ref.id}`, 'jobs')
      const { leader } = new JobDirectory(join(jobs, readdirSync(jobs)[0]!))
      bench.subject.release('it')
      while (isAlive(leader!)) await systemClock.sleep(0.02)
      rmSync(filling)
      t.match(await quiet.handle.exited, { by: 'status', code: 3 })
    } finally {
      await bench.close()
    }
  },
)
