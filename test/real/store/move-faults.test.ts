/* A move to PostgreSQL whose disk is full, and to one that crashes: nothing is lost, and the next try succeeds. */
import { randomInt } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/edges.ts'
import { numbersFrom } from '../../support/chance.ts'
import { mounts } from '../../support/mounts.ts'
import { fill, Movable, rowsOfFile, rowsOfPostgres } from '../../support/moves.ts'
import { PostgresServer, postgresNeeds } from '../../support/postgres.ts'
import { PostgresProxy } from '../../support/postgres-proxy.ts'
import { program, testWith } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'
import { runs } from '../../support/tier.ts'

const seed = Number(process.env.RUNNER_TEST_SEED ?? randomInt(2 ** 31))
t.comment(`RUNNER_TEST_SEED=${seed}`)
const number = numbersFrom(seed)

t.setTimeout(900_000)

/** A store with some rows and 12 MB of logs, and what is in its tables. */
async function newStore(dir: string): Promise<{ movable: Movable; rows: Record<string, string[]> }> {
  const movable = new Movable(mkdtempSync(join(dir, 'store-')))
  const opened = await movable.open()
  await fill(opened, 3)
  await opened.store[Symbol.asyncDispose]()
  return { movable, rows: rowsOfFile(movable.file) }
}

/** All has arrived, once, and only the new store is in force. */
async function hasArrived(t: Test, to: string, { movable, rows }: Awaited<ReturnType<typeof newStore>>) {
  const arrived = await rowsOfPostgres(to)
  for (const table of ['executions', 'definitions', 'outputs', 'logs', 'tokens', 'idempotency'])
    t.strictSame(arrived[table], rows[table], table)
  t.equal(arrived.audit!.length, rows.audit!.length + 1, 'one entry')
  t.match(await movable.refusal(), /^moved: /)
  t.equal(await movable.refusal(to), 'it was opened')
}

for (const [title, on] of [
  ['for its tables', 'data'],
  ['for its log of changes, so that it crashes', 'wal'],
] as const)
  await rigTest(
    t,
    `PostgreSQL has no room ${title}`,
    { needs: [...postgresNeeds, mounts, ...['nsenter', 'fallocate'].map(program)] },
    async (t, rig) => {
      await using server = await PostgresServer.start(on)
      const disk = server.disk!
      const store = await newStore(rig.dir)
      const { movable } = store
      rig.configure({}, `[server]\ndatabase = sqlite:${movable.file}\nkey_file = ${movable.keyFile}\n`)
      const to = await server.newDatabase('moved')
      await disk.fill(4 << 20)
      const run = rig.start(['server', 'move', '--to', to])
      t.equal(await run.ended, 69)
      t.match(
        run.text,
        /^runner: PostgreSQL at 127\S+, database moved, has no space left: make room on its disk, then do the same again \(.*No space left on device\); nothing has been changed, and the store is where it was\n$/m,
      )
      t.equal(await movable.refusal(), 'it was opened', 'the store is in force where it was')
      if (on === 'data') t.match(await movable.move(to), /no space left/, 'and again')
      else {
        while (server.pid !== undefined) await systemClock.sleep(0.01)
        t.match(await movable.move(to), /cannot be reached: .*ECONNREFUSED/)
      }
      disk.makeRoom()
      if (on === 'wal') await server.startAgain()
      t.match(await movable.move(to), { outcome: 'moved', restarted: false }, 'there is room again')
      await hasArrived(t, to, store)
    },
  )

await testWith(t, 'PostgreSQL crashes at any statement', postgresNeeds, async t => {
  await using server = await PostgresServer.start()
  await using proxy = await PostgresProxy.start(server.port)
  const dir = t.testdir({})
  const counted = await newStore(dir)
  await counted.movable.move(proxy.url(await server.newDatabase('counted')))
  const all = proxy.statements
  const store = await newStore(dir)
  const to = await server.newDatabase('moved')
  const ends: string[] = []
  /** Moves, and kills the first process of PostgreSQL before a statement; the others go when they notice. */
  const crash = async (at: number) => {
    let gone: Promise<void> | undefined
    proxy.statements = 0
    proxy.cutAt = at
    proxy.instead = () => {
      gone = server.kill()
    }
    const moved = await store.movable.move(proxy.url(to))
    if (gone === undefined) return
    const said = typeof moved === 'string' ? moved : moved.outcome
    t.match(
      said,
      /^moved$|^completed$|database moved, (cannot be reached|failed): .*(; nothing has been changed, and the store is where it was|do the same again|no server starts before that)$/,
      `before ${at} of ${all} statements`,
    )
    ends.push(/nothing has been changed|nobody has heard|no server starts before/.exec(said)?.[0] ?? said)
    await gone
    await server.startAgain()
    const source = await store.movable.refusal()
    const isThere = (await rowsOfPostgres(to)).meta !== undefined
    const target = isThere ? await store.movable.refusal(to) : 'empty'
    t.match(
      `${source}; ${target}`,
      /^(it was opened; (empty|half-moved: .*)|moved: .*; (half-moved: .*|it was opened))$/,
    )
  }
  const middle = Array.from({ length: runs(3) }, () => 6 + number(all - 10))
  for (const at of [...middle.toSorted((one, other) => one - other), all - 2, all - 1, all]) await crash(at)
  t.ok(ends.includes('nothing has been changed'), ends.join(', '))
  proxy.cutAt = undefined
  t.match(await store.movable.move(to), { outcome: /^(moved|completed)$/ })
  await hasArrived(t, to, store)
})
