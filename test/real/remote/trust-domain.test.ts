/* Which executions share a container: the real program with a server, tokens of two people, and an engine. */
import t, { type Test } from 'tap'
import { attachTest } from '../../support/attached.ts'
import { Engine } from '../../support/engine.ts'
import { executorNeeds } from '../../support/executors.ts'
import { makeImage, withBusybox } from '../../support/images.ts'
import { testWith } from '../../support/require.ts'

t.setTimeout(900_000)

/** Says in which container it runs, and what another job has left there. */
const look = ['sh', '-c', 'cat /etc/hostname; cat /tmp/left 2>/dev/null; echo secret >/tmp/left']

testWith(t, 'the trust domain of a container', executorNeeds, async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', { fill: withBusybox })
  await attachTest(t, 'one server, and runners one after the other', engine, {}, async (t, fleet) => {
    /** The actions of a person. */
    async function person(name: string) {
      const { server } = fleet
      const made = await server.call('POST', '/v1/tokens', { body: { kind: 'admin', name } })
      const { token } = made.json as { token: string }
      /** Resolves to the container in which it ran. */
      const container = async (path: string, body: unknown = undefined) => {
        const asked = await server.call('POST', path, { token, ...(body === undefined ? {} : { body }) })
        const { output, state } = await fleet.ended((asked.json as { id: string }).id)
        if (state !== 'succeeded' || !/^[0-9a-f]{12}\n$/.test(output)) throw new Error(`${state}: ${output}`)
        return output
      }
      return {
        define: (name: string, more = {}) =>
          server.call('PUT', `/v1/jobs/${name}`, { token, body: { image: 'box', command: look, ...more } }),
        run: (name: string) => container(`/v1/jobs/${name}/run`),
        submit: (more = {}) => container('/v1/executions', { image: 'box', command: look, ...more }),
      }
    }

    const test = (title: string, name: string, executor: string, body: (t: Test) => Promise<void>) =>
      t.test(title, async t => {
        const runner = await fleet.attach(name, {}, executor)
        await body(t)
        t.equal(await runner.stop(), 0)
        t.same(await fleet.empty(), [])
      })
    const [a, b] = [await person('a'), await person('b')]

    await test('one person gets one container, another person another one', 'usual', '', async t => {
      const ofA = await a.submit()
      t.equal(await a.submit(), ofA, 'the usual case is warm')
      const ofB = await b.submit()
      t.not(ofB, ofA)
      await a.define('nightly')
      t.equal(await b.run('nightly'), ofA, 'a named job is of who has defined it')
      t.equal(await b.submit({ job_name: 'nightly' }), ofB, 'and its name alone opens nothing')
      t.not(await a.submit({ reuse: 'never' }), ofA, 'a job may be stricter')
      t.not(await a.submit({ reuse: 'job', job_name: 'nightly' }), ofA)
      t.equal(await a.submit(), ofA)
    })

    await test(
      'reuse = job: one named job gets one container, others one each',
      'a-job',
      'reuse = job',
      async t => {
        for (const name of ['first', 'second']) await a.define(name)
        await a.define('free', { reuse: 'domain' })
        const first = await a.run('first')
        t.equal(await b.run('first'), first)
        const seen = new Set([first])
        for (const next of [
          await a.run('second'),
          await a.run('free'),
          await a.submit(),
          await a.submit(),
          await b.submit({ job_name: 'first' }),
        ]) {
          t.notOk(seen.has(next))
          seen.add(next)
        }
      },
    )

    await test(
      'reuse = never: each execution gets a container of its own',
      'never',
      'reuse = never',
      async t => {
        await a.define('first', { reuse: 'domain' })
        const all = [await a.run('first'), await a.run('first'), await a.submit(), await a.submit()]
        t.equal(new Set(all).size, 4)
      },
    )
  })
})
