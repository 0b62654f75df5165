/* Runs on a machine with systemd (systemd.test.ts). */
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { execaSync } from 'execa'
import t, { type Test } from 'tap'
import { systemClock } from '../../../../../src/edges.ts'
import type { JobState } from '../../../../../src/remote/executors/executor.ts'
import { hasSystemd, sessionLeader, systemd } from '../../../../../src/remote/executors/host/launcher.ts'
import { placeOf } from '../../../../../src/remote/executors/host/paths.ts'
import { executorConformance } from '../../../../remote/executors/conformance.ts'
import { HostRig } from '../../../../remote/executors/host/host-subject.ts'
import { Bench, logOf, never, says, value } from '../../../../remote/executors/subject.ts'
import { isAlive } from '../../../../support/processes.ts'

t.setTimeout(720_000)

await executorConformance(t, 'host with systemd', async body => {
  using rig = new HostRig(systemd)
  await body(rig.subject())
})

function unitTest(title: string, body: (t: Test, rig: HostRig, bench: Bench) => Promise<void>) {
  return t.test(title, async t => {
    using rig = new HostRig(systemd)
    const bench = await Bench.make(rig.subject())
    try {
      await body(t, rig, bench)
    } finally {
      await bench.close()
    }
  })
}

const systemctl = (...args: string[]) => execaSync('systemctl', args).stdout.trim()

unitTest('what it promises says that a job outlives runner', async (t, _rig, bench) => {
  t.equal(hasSystemd(), true)
  t.match(value(await bench.backend.health(never)), { outlives: 'runner', timeLimit: 'job' })
})

unitTest('a daemon that left everything behind but its cgroup is killed', async (t, _rig, bench) => {
  const daemon = 'env -i setsid sh -c "sleep 1000 & echo \\$!; exec sleep 0.01"'
  const { handle } = await bench.start([], { command: ['sh', '-c', `${daemon}; exit 3`] })
  t.match(await handle.exited, { by: 'status', code: 3 })
  const pid = Number((await logOf(handle)).trim())
  t.ok(pid > 1)
  t.equal(isAlive(pid), false)
})

unitTest('a job is in a unit of its own, and whoever stops that stops the job', async (t, _rig, bench) => {
  const { handle } = await bench.start(['trap:7', 'say:ready', 'hold:it'])
  await says(handle, 'ready')
  const { unit } = placeOf(handle.state)
  t.equal(systemctl('show', '--property=ActiveState', '--value', unit!), 'active')
  systemctl('stop', unit!)
  t.match(await handle.exited, { by: 'stopped', code: 7 })
})

unitTest('a unit that is killed is a job that is lost, and all of it is gone', async (t, _rig, bench) => {
  const daemon = 'env -i setsid sh -c "sleep 1000 & echo \\$!; exec sleep 0.01"'
  const { handle } = await bench.start([], {
    command: ['sh', '-c', `${daemon}; echo ready; exec sleep 1000`],
  })
  await says(handle, 'ready')
  systemctl('kill', '--kill-who=main', '--signal=SIGKILL', placeOf(handle.state).unit!)
  t.match(await handle.exited, { by: 'lost' })
  const pid = Number((await logOf(handle)).split('\n')[0])
  while (isAlive(pid)) await systemClock.sleep(0.02)
})

for (const [launcher, survives] of [
  ['systemd', true],
  ['session', false],
] as const)
  t.test(`a job ${survives ? 'outlives' : 'ends with'} the service of runner (${launcher})`, async t => {
    using rig = new HostRig(survives ? systemd : sessionLeader)
    const subject = rig.subject()
    const bench = await Bench.make(subject)
    try {
      const kept = subject.spoolDir()
      const words = subject.words(['say:one', 'hold:it', 'say:two', 'exit:6'])
      const job = { id: randomUUID(), command: words, env: {}, secretEnv: {}, limit: 60, grace: 5 }
      const slotId = randomUUID().replaceAll('-', '')
      const given = { options: rig.options, job, kept, slotId, start: true, launcher }
      const program = resolve(import.meta.dirname, '../../../../fixtures/host-runner.ts')
      const words2 = [process.execPath, program, JSON.stringify(given)]
      const service = `fake-runner-${launcher}.service`
      execaSync('systemd-run', ['--quiet', '--collect', `--unit=${service}`, '--', ...words2])
      const place = join(kept, 'place.json')
      while (!existsSync(place)) await systemClock.sleep(0.05)
      const state = JSON.parse(readFileSync(place, 'utf8')) as JobState
      while (!existsSync(join(kept, 'started'))) await systemClock.sleep(0.05)
      systemctl('stop', service)
      const handle = await bench.recover({ state }, kept)
      if (!survives)
        return void t.match(await handle.exited, { code: 143 }, 'systemd has signalled all of its cgroup')
      subject.release('it')
      t.match(await handle.exited, { by: 'status', code: 6 })
      t.equal(await logOf(handle), 'onetwo')
    } finally {
      await bench.close()
    }
  })
