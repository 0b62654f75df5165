import { globSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Attached, type AttachRig, attachTest } from '../../../support/attached.ts'
import { Engine } from '../../../support/engine.ts'
import { executorNeeds } from '../../../support/executors.ts'
import { Hold } from '../../../support/hold.ts'
import { makeImage, withBusybox } from '../../../support/images.ts'
import { testWith } from '../../../support/require.ts'

t.setTimeout(900_000)

testWith(t, 'a job is put in its place while it is confirmed', executorNeeds, async t => {
  await using engine = await Engine.start('--live-restore')
  await makeImage(engine, 'box', { fill: withBusybox })
  const test = (title: string, body: (t: Test, fleet: AttachRig) => Promise<unknown>) =>
    attachTest(t, title, engine, {}, body)

  async function until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
    for (const late = AbortSignal.timeout(30_000); ; late.throwIfAborted()) {
      const found = await look()
      if (found !== undefined) return found
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  /** A runner whose way to the server is held where a test wants it, with a container that has run a job. */
  async function warm(t: Test, fleet: AttachRig) {
    const hold = await Hold.to(Number(new URL(fleet.server.url).port))
    const runner = await fleet.attach('one', { url: hold.url })
    t.match(await fleet.ended((await fleet.submit({ command: ['true'] })).id), { state: 'succeeded' })
    await isIdle(runner)
    return { hold, runner, containers: await engine.running() }
  }

  /** Waits until its one container can have the next job: the runner itself knows, the server hears of it later. */
  async function isIdle(runner: Attached): Promise<true> {
    const { message } = await runner.event('notice', ({ message }) => message.startsWith('/live'))
    const address = /http:\S+$/.exec(message)![0]
    return until(async () => {
      const text = await (await fetch(`${address}/metrics`)).text()
      const counts = [...text.matchAll(/^runner_executors\{state="(\w+)"\} (\d+)$/gm)]
      const inState = (state: string) => Number(counts.find(([, name]) => name === state)?.[2])
      return (inState('idle') === 1 && inState('busy') + inState('checking') === 0) || undefined
    })
  }

  const isPlaced = (fleet: AttachRig, id: string) =>
    until(() => globSync(join(fleet.stateDir('one'), 'spool', id, 'placing.json'))[0])

  for (const what of ['request', 'answer'] as const)
    await test(`killed while the ${what} of its confirm is on the way, the next process starts it at once`, async (t, fleet) => {
      const { hold, runner } = await warm(t, fleet)
      await using _hold = hold
      const held = hold.next(/\/confirm /, what)
      const { id } = await fleet.submit({ command: ['sh', '-c', 'echo once'] })
      await held
      await isPlaced(fleet, id)
      runner.run.child.kill('SIGKILL')
      await runner.run.ended
      hold.release()
      const next = await fleet.start('one').ready()
      t.match(await next.event('runner:recovered'), { running: 0, waiting: 1, removed: 1 })
      t.match(await fleet.ended(id), { state: 'succeeded', attempt: 1, output: 'once\n' })
      t.equal(next.all('job:started').length, 1)
      t.equal(await next.stop(), 0)
    })

  await test('a confirm that is refused leaves the container as it was', async (t, fleet) => {
    const { hold, runner, containers } = await warm(t, fleet)
    await using _hold = hold
    const held = hold.next(/\/confirm /, 'request')
    const { id } = await fleet.submit({ command: ['sh', '-c', 'echo never'] })
    await held
    await isPlaced(fleet, id)
    await fleet.server.call('POST', `/v1/executions/${id}/abort`)
    hold.release()
    await runner.event('job:dropped', ({ execution_id }) => execution_id === id)
    t.match(await fleet.ended(id), { state: 'aborted', output: '' })
    for (const word of ['next', 'and-next']) {
      const next = await fleet.submit({ command: ['sh', '-c', `echo ${word}`] })
      t.match(await fleet.ended(next.id), { output: `${word}\n` })
      await isIdle(runner)
      t.same(await engine.running(), containers, 'it takes the next job, and is clean')
    }
    t.equal(runner.all('job:started').length, 3)
    t.equal(await runner.stop(), 0)
  })
})
