import t from 'tap'
import { mounts } from '../../../support/mounts.ts'
import { PostgresServer, postgresNeeds } from '../../../support/postgres.ts'
import { rigTest } from '../../../support/rig.ts'
import { TestServer } from '../../../support/server.ts'
import { serve, waiting } from '../../../support/starting-server.ts'

t.setTimeout(360_000)

rigTest(
  t,
  'a PostgreSQL that starts, restores or is full is waited for; what no wait fixes is said at once',
  { needs: postgresNeeds },
  async (t, rig) => {
    await using postgres = await PostgresServer.start()
    const database = await postgres.newDatabase('late')
    const started = async (url: string, begin: () => Promise<unknown>, problem: RegExp) => {
      const run = serve(rig, url, { lasting: true })
      await waiting(run)
      t.match(run.text, problem)
      await begin()
      const server = await new TestServer(rig, run).ready()
      t.equal((await server.call('GET', '/health', { token: null })).status, 200)
      t.equal(await server.stop(), 0)
    }
    await postgres.stop()
    await started(database, () => postgres.startAgain(), /ECONNREFUSED/)
    t.comment('57P03: a standby that lets nobody read')
    await postgres.stop()
    await postgres.file('standby.signal', '')
    await postgres.file('postgresql.auto.conf', 'hot_standby = off\n')
    await postgres.startAgain()
    const promote = async () => {
      await postgres.stop()
      await postgres.file('standby.signal', undefined)
      await postgres.startAgain()
    }
    await started(database, promote, /not (yet )?accepting connections/)
    t.comment('53300: no connection is left')
    await postgres.sql('CREATE ROLE few LOGIN CONNECTION LIMIT 0')
    await postgres.sql('CREATE DATABASE crowded OWNER few')
    const crowded = postgres.url('crowded', 'few')
    await started(crowded, () => postgres.sql('ALTER ROLE few CONNECTION LIMIT -1'), /too many connections/)

    const refused = async (url: string, sentence: RegExp, keep = true) => {
      if (!keep) rig.file('key', 'k'.repeat(32), 0o600)
      const run = serve(rig, url)
      t.equal(await run.ended, 69)
      t.match(run.text, sentence)
      t.equal(run.text.trim().split('\n').length, 1, run.text)
    }
    await postgres.sql("CREATE ROLE locked LOGIN PASSWORD 'right'")
    const { port } = postgres
    await refused(
      `postgres://locked:wrong@127.0.0.1:${port}/late`,
      /refuses this user, password or database: password auth/,
    )
    await refused(`postgres://locked@127.0.0.1:${port}/late`, /cannot be used: .*password/)
    await refused(postgres.url('missing'), /database "missing" does not exist/)
    await refused(`${database}?sslmode=verify-full`, /cannot be used: .*SSL/)
    await refused(crowded, /key .* is not the one with which the store is sealed/, false)
    await postgres.sql('INSERT INTO runner.migrations VALUES (99)', 'late')
    await refused(database, /has version 99, .*use the newer program/)
  },
)

/** Mounts a small disk there, with so many bytes left on it, and goes on with what comes behind. */
const onFullDisk = (place: string, left: number) => [
  'unshare',
  '-m',
  'sh',
  '-c',
  `mkdir -p "$1" && mount -t tmpfs -o size=4m,mode=755 none "$1" && cat /dev/zero > "$1/filling" 2>/dev/null
   truncate -s -${left} "$1/filling"; shift; exec "$@"`,
  'sh',
  place,
]

for (const left of [0, 16_384, 81_920, 245_760])
  rigTest(
    t,
    `a disk with ${left} bytes left is no internal error of a start`,
    { needs: [mounts] },
    async (t, rig) => {
      const place = rig.path('small')
      const keys = `data_dir = ${place}/data\nkey_file = ${place}/data/key\ndatabase = sqlite:${place}/data/server.db\n`
      rig.configure({}, `[server]\nlisten = 127.0.0.1:0\n${keys}`)
      const run = rig.start(['server'], { before: onFullDisk(place, left) })
      t.equal(await run.ended, 69)
      t.match(
        run.text,
        /^runner: no space is left for .*small\/data(\/server\.db|\/key)?: make room on that disk, then start/m,
      )
      t.notMatch(run.text, / {4}at /)
    },
  )
