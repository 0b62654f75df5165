import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { ChangeFollowers, type ChangeReader } from '../../../src/server/connections/change-followers.ts'
import type { Writer } from '../../../src/store/writer.ts'
import { ManualClock, settled } from '../../support/manual-clock.ts'
import { job } from '../../support/rows.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

/** A reader of a test, and what it was sent. */
interface Reader {
  response: ServerResponse
  token_id: string
  sent: string[]
  /** The names and ids of the events since the last time that this was asked. */
  events(): string[]
}

/** Followers of a store, with a clock that the test moves. */
class Stage {
  readonly clock = new ManualClock()
  readonly stop = new AbortController()
  readonly errors: unknown[] = []
  readonly followers: ChangeFollowers
  readonly rig: ServerRig
  looks = 0
  failing: Error | undefined
  #reading: Promise<unknown> | undefined

  constructor(rig: ServerRig) {
    this.rig = rig
    const read: ServerRig['store']['read'] = reader => {
      this.looks++
      const reading = this.failing === undefined ? rig.store.read(reader) : Promise.reject(this.failing)
      this.#reading = reading
      const over = () => {
        if (this.#reading === reading) this.#reading = undefined
      }
      reading.then(over, over)
      return reading
    }
    this.followers = new ChangeFollowers({ read }, this.clock, this.stop.signal, error => {
      this.errors.push(error)
    })
    rig.store.subscribe(topic => this.followers.wake(topic))
  }

  follow(after?: number, more: Partial<ChangeReader> = {}): Reader {
    const response = new ServerResponse(new IncomingMessage(new Socket()))
    const sent: string[] = []
    response.write = text => sent.push(String(text)) > 0
    const reader = { token_id: 't', response, rights: '', sees: () => true, ...more }
    this.followers.follow(reader, after)
    const events = () =>
      sent
        .splice(0)
        .join('')
        .split('\n\n')
        .filter(text => text.includes('event: '))
        .map(text => {
          const { id = '' } = JSON.parse(text.split('data: ')[1]!)
          return `${/event: (\w+)/.exec(text)![1]} ${id}`.trim()
        })
    return { response, token_id: reader.token_id, sent, events }
  }

  /** Makes a change and lets it come to the readers. */
  async change(writer: (tx: Writer) => void): Promise<void> {
    await this.rig.write(async tx => writer(tx))
    await this.idle()
  }

  /** Waits until the readers have been sent what they are sent without a move of the clock. */
  async idle(): Promise<void> {
    await settled()
    while (this.#reading !== undefined) {
      await this.#reading.catch(() => {})
      await settled()
    }
  }

  newest(): Promise<number> {
    return this.rig.read(tx => tx.newestChange())
  }
}

function stageTest(title: string, body: (t: Test, stage: Stage) => Promise<void>): void {
  onEachStore(t, title, async (t, rig) => {
    const stage = new Stage(rig)
    await body(t, stage)
    await stage.followers.endAll()
    t.equal(stage.followers.size, 0)
  })
}

const jobs = (tx: Writer, count: number, prefix = 'j') => {
  for (let number = 0; number < count; number++) tx.putJob(job(`${prefix}${number}`))
}

stageTest('two hundred readers share one look at the store', async (t, stage) => {
  const readers = Array.from({ length: 200 }, () => stage.follow())
  await stage.idle()
  for (const reader of readers) t.same(reader.events(), ['ready'])
  const before = stage.looks
  await stage.change(tx => tx.putJob(job('a')))
  t.equal(stage.looks, before + 1)
  for (const reader of readers) t.same(reader.events(), ['job a'])
})

stageTest(
  'the first change comes at once, and many of one thing become one event of the next turn',
  async (t, stage) => {
    const reader = stage.follow()
    await stage.idle()
    reader.events()
    await stage.change(tx => tx.putJob(job('a')))
    t.same(reader.events(), ['job a'])
    for (let count = 0; count < 10; count++) await stage.change(tx => tx.putJob(job('a')))
    await stage.change(tx => tx.putJob(job('b')))
    t.same(reader.events(), [], 'the next turn has not begun')
    await stage.clock.pass(0.2)
    await stage.idle()
    t.same(reader.events(), ['job a', 'job b'])
    t.comment(
      'a reader that comes between two turns is told at once where it begins, and of nothing before that',
    )
    await stage.change(tx => tx.putJob(job('c')))
    const number = await stage.newest()
    const late = stage.follow()
    await stage.idle()
    t.same(late.sent.splice(0), [`id: ${number}\nevent: ready\ndata: {"number":${number}}\n\n`])
    await stage.change(tx => tx.putJob(job('d')))
    await stage.clock.pass(0.2)
    await stage.idle()
    t.same(reader.events(), ['job c', 'job d'])
    t.same(late.events(), ['job d'])
  },
)

stageTest('a reader that does not read is dropped, and others go on', async (t, stage) => {
  const [silent, reader] = [stage.follow(), stage.follow()]
  await stage.idle()
  Object.defineProperty(silent.response, 'writableLength', { value: 1_000_000 })
  reader.events()
  await stage.change(tx => tx.putJob(job('a')))
  t.same(reader.events(), ['job a'])
  t.ok(silent.response.destroyed)
  t.notOk(reader.response.destroyed)
})

stageTest(
  'a turn has a thousand events at most, and more things than five thousand are a reset',
  async (t, stage) => {
    const reader = stage.follow()
    await stage.idle()
    reader.events()
    await stage.change(tx => jobs(tx, 1500))
    t.equal(reader.events().length, 1000)
    await stage.clock.pass(0.2)
    await stage.idle()
    const rest = reader.events()
    t.equal(rest.length, 500)
    t.equal(rest.at(-1), 'job j1499')
    await stage.clock.pass(2)
    await stage.change(tx => jobs(tx, 5001))
    t.same(reader.events(), ['reset'])
    await stage.clock.pass(2)
    await stage.change(tx => tx.putJob(job('a')))
    t.same(reader.events(), ['job a'])
  },
)

stageTest(
  'what a reader has missed comes once for each thing, or as a reset where it is too much',
  async (t, stage) => {
    await stage.change(tx => tx.putJob(job('a')))
    const start = await stage.newest()
    for (const name of ['b', 'c', 'b']) await stage.change(tx => tx.putJob(job(name)))
    const reader = stage.follow(start)
    await stage.idle()
    t.match(reader.sent[0], `id: ${start}\nevent: ready`)
    t.same(reader.events(), ['ready', 'job c', 'job b'])
    await stage.change(tx => jobs(tx, 1001))
    const far = stage.follow(start)
    await stage.idle()
    t.match(far.sent[0], `id: ${await stage.newest()}\n`)
    t.same(far.events(), ['reset'])
    t.comment('changes are kept for ten minutes')
    const end = await stage.newest()
    await stage.change(tx => tx.putJob(job('d')))
    await stage.rig.wait(590)
    const soon = stage.follow(end)
    await stage.idle()
    t.same(soon.events(), ['ready', 'job d'])
    await stage.rig.wait(30)
    const [old, latest] = [stage.follow(start), stage.follow(await stage.newest())]
    await stage.idle()
    t.same(old.events(), ['reset'])
    t.same(latest.events(), ['ready'], 'the number of the latest change is always known')
  },
)

stageTest(
  'readers see what they may see, and a comment has the number up to which they know all',
  async (t, stage) => {
    const all = stage.follow()
    const some = stage.follow(undefined, { rights: 'b', sees: ({ id }) => id === 'b' })
    await stage.idle()
    for (const reader of [all, some]) reader.events()
    await stage.change(tx => {
      tx.putJob(job('a'))
      tx.putJob(job('b'))
    })
    t.same(all.events(), ['job a', 'job b'])
    t.same(some.events(), ['job b'])
    await stage.change(tx => tx.putJob(job('c')))
    stage.followers.comment()
    const known = (await stage.newest()) - 1
    t.ok(Number(/^:\nid: (\d+)\n\n$/.exec(some.sent.join(''))?.[1]) <= known, 'no change is passed over')
    await stage.clock.pass(0.2)
    await stage.idle()
    some.sent.length = 0
    stage.followers.comment()
    t.same(some.sent, [`:\nid: ${known + 1}\n\n`], 'although it has seen no event of it')
  },
)

stageTest('a failure of the store ends the streams, and those of a token end with it', async (t, stage) => {
  const [mine, other] = [stage.follow(undefined, { token_id: 'mine' }), stage.follow()]
  await stage.idle()
  t.same([...stage.followers.tokens()], ['mine', 't'])
  stage.followers.endWhere(({ token_id }) => token_id === 'mine')
  t.ok(mine.response.destroyed)
  t.notOk(other.response.destroyed)
  stage.failing = new Error('away')
  await stage.change(tx => tx.putJob(job('a')))
  t.ok(other.response.destroyed)
  t.same(stage.errors, [stage.failing])
  stage.failing = undefined
  const next = stage.follow()
  await stage.idle()
  t.same(next.events(), ['ready'])
})
