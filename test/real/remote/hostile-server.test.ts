/* A hostile server against the real `runner attach` with a real engine: the way of jobs, from the wait for work on. */
import { mkdirSync, readdirSync } from 'node:fs'
import t from 'tap'
import { Attached } from '../../support/attached.ts'
import { Engine } from '../../support/engine.ts'
import { executorNeeds } from '../../support/executors.ts'
import { HostileServer, settings } from '../../support/hostile-server.ts'
import { makeImage, withBusybox } from '../../support/images.ts'
import { testWith } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'

t.setTimeout(360_000)

testWith(
  t,
  'a server whose waits are no whole number of milliseconds, or longer than a timer',
  executorNeeds,
  async t => {
    await using engine = await Engine.start()
    await makeImage(engine, 'box', { fill: withBusybox })
    for (const reserve_wait_seconds of [1e8, 12.34567])
      await rigTest(t, `is asked for work: ${reserve_wait_seconds} s`, {}, async (t, rig) => {
        const good: Record<string, unknown>[] = []
        await using server = await HostileServer.start(({ path, body }) =>
          path.endsWith('/reserve') && body.wait_seconds === reserve_wait_seconds && good.length > 0
            ? { body: { executions: good.splice(0) } }
            : undefined,
        )
        server.settings = { ...settings, reserve_wait_seconds }
        const job = server.reservation({ kind: 'command', command: ['sh', '-c', 'echo hello'] })
        good.push(job)
        rig.file('token', 'rnr_registration_x')
        rig.configure(
          {},
          `[remote]\nurl = ${server.url}\ntoken_file = token\nhealth_listen = 127.0.0.1:0\nwork_dir = ${engine.directory}/work-${rig.id}\n[executor]\ndocker_host = unix://${engine.socket}\npull = never\nnetwork = none`,
        )
        const runner = new Attached(rig.start(['attach', '--json'], { lasting: true }))
        await runner.event('job:ended', ({ execution_id }) => execution_id === job.execution_id)
        await server.hears(({ path }) => path === `/v1/executions/${job.execution_id}/result`)
        t.equal(await runner.stop(), 0)
      })
  },
)

testWith(t, 'a server that hands out what is not a job', executorNeeds, async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', { fill: withBusybox })
  await rigTest(t, 'gets the jobs beside it done, and no call more than it needs', {}, async (t, rig) => {
    const answers: (() => unknown[])[] = []
    await using server = await HostileServer.start(({ path }) => {
      if (!path.endsWith('/reserve')) return undefined
      const next = answers.shift()
      return next === undefined ? undefined : { body: { executions: next() } }
    })
    mkdirSync(rig.path('victim'))
    const victim = `${'../'.repeat(20)}${rig.path('victim').slice(1)}`
    const good = server.reservation({ kind: 'command', command: ['sh', '-c', 'echo hello'] })
    answers.push(() => [
      server.reservation({ execution_id: victim }),
      server.reservation({ image: `box\n${victim}` }),
      server.reservation({ image: 'box', command: ['\0'] }),
      server.reservation({ image: 'box', max_time_seconds: -1 }),
      server.reservation({ image: 'box', abort_signal: 'SIGTERM; reboot' }),
      good,
      server.reservation({ image: '../../box', kind: 'command' }),
    ])
    const hasty = 30
    for (let count = 0; count < hasty; count++) answers.push(() => [])
    rig.file('token', 'rnr_registration_x')
    rig.configure(
      {},
      `[remote]\nurl = ${server.url}\ntoken_file = token\nhealth_listen = 127.0.0.1:0\nwork_dir = ${engine.directory}/work-${rig.id}\n[executor]\ndocker_host = unix://${engine.socket}\npull = never\nnetwork = none`,
    )
    const runner = new Attached(rig.start(['attach', '--json'], { lasting: true }))
    const path = `/v1/executions/${good.execution_id}/result`
    const { body } = await server.hears(heard => heard.path === path)
    t.match(body, { outcome: 'succeeded', exit_code: 0 })
    await runner.event('notice', ({ message }) => /executions 0 \("\.\.\//.test(message))
    const confirmed = server.heard.filter(heard => heard.path.endsWith('/confirm')).map(heard => heard.path)
    t.notMatch(confirmed.join(), victim)
    t.same(readdirSync(rig.path('victim')), [])
    t.ok(answers.length > hasty / 2, `${answers.length} of ${hasty} empty answers were not asked for`)
    t.equal(await runner.stop(), 0)
    t.notMatch(runner.run.transcript, /\n\s+at /)
  })
})
