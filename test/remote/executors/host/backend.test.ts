import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import t, { type Test } from 'tap'
import type { JobState } from '../../../../src/remote/executors/executor.ts'
import { HostBackend } from '../../../../src/remote/executors/host/backend.ts'
import { JobDirectory } from '../../../../src/remote/executors/host/job-directory.ts'
import { type Launcher, sessionLeader } from '../../../../src/remote/executors/host/launcher.ts'
import { ok } from '../../../../src/result.ts'
import { sent } from '../../../../src/system/wait.ts'
import { isAlive } from '../../../support/processes.ts'
import { Bench, logOf, never, says, value } from '../subject.ts'
import { HostRig } from './host-subject.ts'

t.setTimeout(360_000)

/** A test with a host, and one slot on it. */
function hostTest(title: string, body: (t: Test, rig: HostRig, bench: Bench) => Promise<void>) {
  return t.test(title, async t => {
    using rig = new HostRig()
    const bench = await Bench.make(rig.subject())
    try {
      await body(t, rig, bench)
    } finally {
      await bench.close()
    }
    t.same(readdirSync(rig.options.workDir), [])
  })
}

/** Words of a shell script. */
const sh = (script: string) => ({ command: ['sh', '-c', script] })

/** The numbers in a log, one a line. */
const pidsOf = (text: string) => text.trim().split('\n').map(Number)

/** The directory of the only job of a slot. */
function directoryOf(rig: HostRig, bench: Bench): JobDirectory {
  const jobs = join(rig.options.workDir, `r.${bench.slot.ref.id}`, 'jobs')
  return new JobDirectory(join(jobs, readdirSync(jobs)[0]!))
}

hostTest('nothing of a job lives when it has ended', async (t, _rig, bench) => {
  const leave = 'sleep 1000 & echo $!; setsid sleep 1000 & echo $!; exec sh -c "exit 3"'
  const { handle } = await bench.start([], sh(leave))
  t.match(await handle.exited, { by: 'status', code: 3 })
  const pids = pidsOf(await logOf(handle))
  t.equal(pids.length, 2)
  t.same(pids.filter(isAlive), [])
})

hostTest('a stop reaches the program alone, and what it leaves is killed', async (t, _rig, bench) => {
  const child = 'sh -c "trap \\"echo child heard it\\" TERM; echo ready; while :; do sleep 0.05; done" & '
  const { handle } = await bench.start(
    [],
    sh(`trap 'echo heard; exit 4' TERM; ${child} while :; do sleep 0.05; done`),
  )
  await says(handle, 'ready')
  handle.stop('aborted')
  t.match(await handle.exited, { by: 'stopped', code: 4 })
  t.equal(await logOf(handle), 'ready\nheard\n')
})

hostTest(
  'the output of a job survives a program that opens its standard error anew',
  async (t, _rig, bench) => {
    const { handle } = await bench.start([], sh('echo one; echo two > /dev/stderr; echo three'))
    await handle.exited
    t.equal(await logOf(handle), 'one\ntwo\nthree\n')
  },
)

hostTest('a job whose supervisor is killed is lost, with all of its processes', async (t, rig, bench) => {
  const { handle, kept } = await bench.start(
    [],
    sh('sleep 1000 & echo $!; setsid sleep 1000 & echo $!; echo $$; wait'),
  )
  let text = ''
  for await (const bytes of handle.log(0, never)) {
    text += Buffer.from(bytes).toString()
    if (text.split('\n').length === 4) break
  }
  const { claim } = directoryOf(rig, bench)
  process.kill(claim?.by === 'supervisor' ? claim.supervisor.pid : Number.NaN, 'SIGKILL')
  const exit = await handle.exited
  t.match(exit, { by: 'lost', message: 'its supervisor ended while it ran' })
  t.same(pidsOf(text).filter(isAlive), [])
  bench.restart()
  t.same(await (await bench.recover(handle, kept)).exited, exit, 'the next runner says the same')
})

hostTest('a supervisor that comes twice, or too late, starts nothing', async (t, rig, bench) => {
  const { placed, kept } = await bench.place([], sh('echo ran'))
  const directory = directoryOf(rig, bench)
  const [program, ...args] = rig.options.supervisor
  const supervise = () => execa(program, [...args, directory.path], { stdio: 'ignore', reject: false })
  await Promise.all([supervise(), supervise(), supervise()])
  const handle = await bench.recover(placed, kept)
  t.match(await handle.exited, { by: 'status', code: 0 })
  t.equal(await logOf(handle), 'ran\n')
  value(await handle.keep())

  const late = await bench.place([], sh('echo ran'))
  t.equal(await (await bench.recover(late.placed, late.kept)).started, 'never')
  await execa(program, [...args, directoryOf(rig, bench).path], { stdio: 'ignore', reject: false })
  t.equal(readFileSync(directoryOf(rig, bench).log, 'utf8'), '')
  t.equal((await late.placed.start()).ok, true, 'a start behind the claim starts nothing either')
  t.equal(await (await bench.recover(late.placed, late.kept)).started, 'never')
})

hostTest('a job that was never ordered is given up once the disk takes that', async (t, rig, bench) => {
  const { placed, kept } = await bench.place([], sh('echo ran'))
  // In the way of the claim, as a full disk is.
  const draft = join(directoryOf(rig, bench).path, `begun.${process.pid}.runner`)
  mkdirSync(draft)
  const handle = await bench.recover(placed, kept)
  t.equal(directoryOf(rig, bench).claim, undefined)
  rmdirSync(draft)
  t.equal(await handle.started, 'never')
})

t.test('a job of a slot that is being removed is lost, and did start', async t => {
  using rig = new HostRig()
  // As with systemd: after the claim of whoever closes the slot, and before the end of the supervisor, time passes.
  const launcher: Launcher = { ...sessionLeader, unitOf: nonce => `${nonce}.service`, kill: sent }
  const bench = await Bench.make(rig.subject({ launcher }))
  const { handle } = await bench.start(['say:one', 'hold:it'])
  const began = await handle.started
  // Removes what shows that the job was ordered and began, and the rest not before it may go on.
  const mayGoOn = join(rig.directory, 'may-go-on')
  const bin = join(rig.directory, 'bin')
  mkdirSync(bin)
  const script = `#!/bin/sh
for path; do :; done
/bin/rm -f "$path"/*/*/begun.json "$path"/*/*/ordered
until [ -e '${mayGoOn}' ]; do sleep 0.02; done
exec /bin/rm "$@"
`
  writeFileSync(join(bin, 'rm'), script, { mode: 0o755 })
  const path = process.env.PATH
  process.env.PATH = `${bin}:${path}`
  try {
    const closed = bench.backend.close(bench.slot.ref)
    t.match(await handle.exited, { by: 'lost', startedAt: began })
    writeFileSync(mayGoOn, '')
    value(await closed)
  } finally {
    writeFileSync(mayGoOn, '')
    process.env.PATH = path
    await bench.close()
  }
})

hostTest('a job that nobody saw begin may have run in a slot that is gone', async (t, rig, bench) => {
  const launches = Promise.withResolvers<void>()
  const launcher: Launcher = {
    ...sessionLeader,
    launch: async () => {
      await launches.promise
      return ok(undefined)
    },
  }
  const backend = rig.subject({ launcher }).open()
  const slotId = 'a'.repeat(32)
  const slot = value(await backend.open({ key: '' }, { slotId, group: 'default', ephemeral: false }, never))
  const { state, start } = value(await slot.place(bench.job(['say:one']), bench.subject.spoolDir()))
  const started = start()
  rmSync(join(rig.options.workDir, `r.${slotId}`), { recursive: true })
  launches.resolve()
  const handle = value(await started)
  t.match(await handle.exited, { by: 'lost', message: 'its slot was closed' })
  t.type(await handle.started, Date)
  t.equal((await backend.recover(state, bench.subject.spoolDir(), never)).ok, false)
})

for (const start of [true, false])
  hostTest(
    `a runner is killed ${start ? 'while its job runs' : 'before the start'}`,
    async (t, rig, bench) => {
      const subject = bench.subject
      const kept = subject.spoolDir()
      const words = subject.words(['say:one', 'hold:it', 'say:two', 'exit:6'])
      const job = { id: randomUUID(), command: words, env: {}, secretEnv: {}, limit: 60, grace: 5 }
      const given = { options: rig.options, job, kept, slotId: randomUUID().replaceAll('-', ''), start }
      const program = resolve(import.meta.dirname, '../../../fixtures/host-runner.ts')
      const runner = execa(process.execPath, [program, JSON.stringify(given)], {
        stdio: ['ignore', 'pipe', 'inherit'],
        reject: false,
      })
      const last = start ? 'started' : 'placed'
      for await (const line of runner) if (line.includes(last)) runner.kill('SIGKILL')

      const state = JSON.parse(readFileSync(join(kept, 'place.json'), 'utf8')) as JobState
      const handle = await bench.recover({ state }, kept)
      if (!start) return void t.equal(await handle.started, 'never')
      await says(handle, 'one')
      subject.release('it')
      t.match(await handle.exited, { by: 'status', code: 6 })
      t.equal(await logOf(handle), 'onetwo')
    },
  )

hostTest('an output that is not a regular file is not read', async (t, _rig, bench) => {
  const bad = [
    'ln -s /etc/shadow "$OUTPUT_LOCATION"',
    'mkfifo "$OUTPUT_LOCATION"',
    'mkdir "$OUTPUT_LOCATION"',
  ]
  for (const script of bad) {
    const plugin = { input: '{}', sessionKey: '', releaseUrl: '' }
    const { handle } = await bench.start([], { ...sh(script), plugin })
    t.match(await handle.exited, { by: 'status', code: 0 })
    t.equal((await handle.output(1000)).ok, false, script)
    value(await handle.keep())
    value(await handle.trim())
  }
})

hostTest('a job has nothing of the environment of runner', async (t, _rig, bench) => {
  process.env.RUNNER_SECRET_OF_A_TEST = 'secret'
  try {
    const { handle } = await bench.start([], { command: ['env', '-0'], env: { OWN: 'one' } })
    const names = (await logOf(handle))
      .split('\0')
      .slice(0, -1)
      .map(variable => variable.split('=')[0]!)
    t.same(names.sort(), ['HOME', 'OWN', 'PATH', 'RUNNER_TRY_ID'])
  } finally {
    delete process.env.RUNNER_SECRET_OF_A_TEST
  }
})

t.test('a job does not run as runner’s own user by accident', async t => {
  using rig = new HostRig()
  const backend = new HostBackend({
    ...rig.options,
    user: { uid: process.geteuid!(), gid: process.getegid!() },
  })
  t.match(await backend.probe(never), { ok: false, failure: { reason: 'job-invalid' } })
  t.same(value(await backend.list()), [])
})
