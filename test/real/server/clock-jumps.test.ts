/*
 * The real program under a wall clock that jumps while its monotonic clock goes on (faketime): a bad clock at boot, a
 * restored virtual machine.
 */
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import { fakeClockLibrary, faketime } from '../../support/fake-clock.ts'
import { rigTest } from '../../support/rig.ts'
import { TestServer } from '../../support/server.ts'

t.setTimeout(360_000)

rigTest(
  t,
  'a clock that is wrong for seconds removes nothing, runs nothing twice, and refuses no result and no token',
  { needs: [faketime] },
  async (t, rig) => {
    rig.configure({}, '[server]\nlisten = 127.0.0.1:0\nlease_seconds = 4\nretention_days = 1\n')
    rig.file('clock', '+0\n')
    const env = {
      LD_PRELOAD: fakeClockLibrary,
      FAKETIME_TIMESTAMP_FILE: rig.path('clock'),
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_CACHE_DURATION: '1',
    }
    const server = await new TestServer(rig, rig.start(['server'], { env, lasting: true })).ready()
    const jumps = () => server.run.text.split('the clock has jumped').length - 1
    const noticed = async (count: number) => {
      while (jumps() < count) await systemClock.sleep(0.02)
    }
    const runner = await server.runner()
    await using _alive = runner.alive()
    const once = async () => {
      const headers = { 'idempotency-key': 'once' }
      const body = { image: 'img', max_queue_seconds: 7200, capabilities: ['none-has'] }
      const answer = await server.call('POST', '/v1/executions', { body, headers })
      return answer.status === 201 ? (answer.json.id as string) : answer.text
    }
    const made = await server.call('POST', '/v1/tokens', {
      body: { kind: 'viewer', name: 'a day', expires_in_seconds: 40_000 },
    })
    const token = made.json.token as string
    const valid = async () => (await server.call('GET', '/v1/executions', { token })).status

    await server.submit()
    const ended = await runner.begin()
    t.equal((await runner.result(ended)).status, 204)
    const waiting = await once()
    let count = 0
    for (const shift of ['+400d', '+25h', '+1d', '-400d']) {
      await server.submit()
      const running = await runner.begin()
      rig.file('clock', `${shift}\n`)
      t.equal(await once(), waiting, `${shift}: one key, one execution`)
      await noticed(++count)
      t.equal(await once(), waiting)
      t.equal(await valid(), 200)
      const { id } = await server.submit({ max_queue_seconds: 3600, capabilities: ['none-has'] })
      rig.file('clock', '+0\n')
      t.equal(await valid(), 200)
      await noticed(++count)
      t.equal(await valid(), 200)
      t.equal(await once(), waiting)
      for (const one of [waiting, id]) t.match(await server.execution(one), { state: 'queued' })
      t.match(await server.execution(ended.execution_id), { state: 'succeeded' })
      t.match(await server.execution(running.execution_id), { state: 'running' })
      t.equal((await runner.result(running)).status, 204, 'its result is taken')
      runner.holds.delete(running.execution_id)
    }
    const { json } = await server.call('GET', '/v1/executions?limit=100')
    t.equal(json.items.length, 2 + 2 * 4, 'nothing was removed, and nothing made twice')
    t.equal(await server.stop(), 0)
  },
)
