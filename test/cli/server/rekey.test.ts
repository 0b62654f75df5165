import { randomBytes } from 'node:crypto'
import {
  chownSync,
  existsSync,
  globSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { seal, unseal } from '../../../src/protocol/seal.ts'
import { openStore } from '../../../src/store/open.ts'
import { keysOf } from '../../../src/store/seal-key.ts'
import { say } from '../../support/operator.ts'
import { root } from '../../support/require.ts'
import { fixtures, type Rig } from '../../support/rig.ts'
import { databaseOf, opensIn } from '../../support/sealed.ts'
import { serverTest, TestRunner, type TestServer } from '../../support/server.ts'
import { everyStore, stores } from '../../support/stores.ts'
import { onTerminal, terminal } from '../../support/terminal.ts'
import { isFull, runs } from '../../support/tier.ts'

const keyFile = (rig: Rig) => rig.path('state', 'server', 'key')
const keyIn = (rig: Rig) => readFileSync(keyFile(rig))
/** The names of the key files. */
const keyNames = (rig: Rig) => readdirSync(rig.path('state', 'server')).filter(name => /^key/.test(name))

/** Gives a server something of each kind that it seals. */
async function fill(server: TestServer): Promise<{ runner: TestRunner; held: string }> {
  const put = await server.call('PUT', '/v1/jobs/nightly', {
    body: { image: 'img', secret_env: { A: 'hush-hush' } },
  })
  if (put.status !== 201) throw new Error(put.text)
  const runner = await server.runner()
  await TestRunner.register(server, { name: 'two' })
  await server.submit({ image: 'img', input: { release: {}, task: { type: 'acme.Deploy', properties: [] } } })
  const ended = await runner.begin()
  const output = seal(JSON.stringify({ outputProperties: { url: 'https://a' } }), runner.dataKey)
  const result = await runner.result(ended, { output })
  if (result.status !== 204) throw new Error(result.text)
  await server.submit({ command: ['true'], secret_env: { TOKEN: 'open sesame' } })
  return { runner, held: (await server.submit({ secret_env: { TOKEN: 'open sesame' } })).id }
}

t.test('each place that seals is filled here', async t => {
  const sealing = globSync('src/server/**/*.ts').filter(file =>
    readFileSync(file, 'utf8').includes('sealAtRest('),
  )
  // Where one is added, `fill` gets one more line, so that the rekey below meets what it seals.
  const filled = ['accept-result.ts', 'audit.ts', 'definitions.ts', 'register.ts']
  // A cookie of a browser that signs in, for ten minutes: with another key, it begins again.
  const kept = ['oidc.ts']
  t.ok(sealing.length > 2)
  t.same(
    sealing.map(file => basename(file)).filter(name => ![...filled, ...kept].includes(name)),
    [],
  )
})

serverTest(
  t,
  'after a rekey the former key opens nothing, the new one opens all, and what is held is delivered',
  { stores, settings: { lease_seconds: 60, confirm_within_seconds: 60 } },
  async (t, server) => {
    const { rig } = server
    const { runner, held } = await fill(server)
    const first = await runner.begin()
    const busy = rig.start(['server', 'rekey'])
    t.equal(await busy.ended, 69, busy.text)
    t.match(busy.text, /^runner: another server (has|uses) /)
    t.same(keyNames(rig), ['key'])
    const backup = rig.start(['server', 'backup', 'copy'])
    const isFile = (await backup.ended) === 0

    t.equal(await server.stop(), 0)
    const database = databaseOf(rig)
    const former = keyIn(rig)
    const before = await opensIn(database, former)
    t.ok(
      before.audit! > 0 &&
        before.definitions! > 0 &&
        before.jobs! > 0 &&
        before.outputs! > 0 &&
        before.runners! > 1,
    )
    const old = [...readTexts(database)]
    const rekey = rig.start(['server', 'rekey', '--json'])
    t.equal(await rekey.ended, 0, rekey.text)
    const said = JSON.parse(rekey.text)
    t.match(said, { outcome: 'rekeyed', forgotten: false, key_file: keyFile(rig) })
    t.equal(
      said.sealed,
      Object.values(before).reduce((sum, count) => sum + count, 0),
    )
    t.same(await opensIn(database, former), {}, 'nothing opens under the former key')
    t.same(await opensIn(database, keyIn(rig)), before, 'all opens under the new one')
    t.ok(readFileSync(said.former_key_file).equals(former), 'the former key is kept')
    t.equal(statSync(keyFile(rig)).mode & 0o777, 0o600)
    t.equal(keyNames(rig).length, 2)
    if (old.length > 0) {
      const bytes = readFileSync(database.slice('sqlite:'.length), 'latin1')
      t.ok(old.length > 0 && old.every(text => !bytes.includes(text)), 'no free page has a former text')
    }

    await server.restart()
    const beat = await runner.heartbeat({ executions: [first.execution_id] })
    t.match(beat.json, { gone: [], unknown: [] })
    t.equal((await runner.result(first)).status, 204, 'a job that ran meanwhile is delivered')
    const second = await runner.begin()
    t.equal(second.execution_id, held)
    const secrets = unseal(second.secret_values!, runner.dataKey)
    t.ok(
      secrets.ok && secrets.value.toString().includes('open sesame'),
      'its secrets come under its own data key',
    )
    t.equal((await server.call('POST', '/v1/jobs/nightly/run')).status, 201)
    t.match(await say(server, ['audit', 'verify']), { status: 0 }, 'the chain of the audit log is whole')
    t.equal(await server.stop(), 0)

    if (!isFile) return
    renameSync(rig.path('state', 'server'), rig.path('away'))
    const restore = rig.start(['server', 'restore', 'copy'])
    t.equal(await restore.ended, 0, restore.text)
    t.ok(keyIn(rig).equals(former), 'a backup from before has the key of its time')
    await server.restart()
  },
)

/** The sealed texts of a database of SQLite. */
function readTexts(database: string): string[] {
  if (!database.startsWith('sqlite:')) return []
  const bytes = readFileSync(database.slice('sqlite:'.length), 'latin1')
  return [...bytes.matchAll(/"(?:sealed|data_key)":"([A-Za-z0-9+/]{43,}={0,2})"/g)].map(([, text]) => text!)
}

/** Starts a rekey that is killed before a step. */
const killedAt = (rig: Rig, step: number | string) =>
  rig.start(['server', 'rekey'], { env: { ...preload, KILL_AT: String(step) } })
const preload = { NODE_OPTIONS: `--import=${join(fixtures, 'kill-at-step.mjs')}` }

/** The steps of a rekey that nobody kills. */
async function stepsOf(rig: Rig): Promise<string[]> {
  const run = rig.start(['server', 'rekey'], { env: { ...preload, STEPS: rig.path('steps') } })
  if ((await run.ended) !== 0) throw new Error(run.text)
  return rig.lines('steps')
}

/** Each key that lies beside the key file, by its check. */
const keysBeside = (rig: Rig) =>
  keyNames(rig)
    .map(name => readFileSync(rig.path('state', 'server', name)))
    .filter(key => key.length === 32)

/**
 * Wherever the rekey was cut off: one of the keys opens everything; after the next start the key file does,
 * and no other.
 */
async function proveWhole(t: Test, rig: Rig, texts: Record<string, number>, what: string): Promise<void> {
  const database = databaseOf(rig)
  const opened = new Map<string, Record<string, number>>()
  for (const key of keysBeside(rig)) opened.set(key.toString('hex'), await opensIn(database, key))
  const some = [...opened.values()].filter(counts => Object.keys(counts).length > 0)
  t.same(some, [texts], `${what}: one key opens everything, and no other opens anything`)
  const store = await openStore({ database, keyFile: keyFile(rig) })
  if (!store.ok) throw new Error(`${what}: ${store.failure.detail}`)
  await store.value.store[Symbol.asyncDispose]()
  t.same(await opensIn(database, keyIn(rig)), texts, `${what}: it is in the key file after the next start`)
  t.same(
    keyNames(rig).filter(name => !/^key(\.old-[0-9a-f]{8})?$/.test(name)),
    [],
    `${what}: nothing else is left`,
  )
}

serverTest(
  t,
  'killed at any step, a rekey leaves a key that opens the store',
  { stores: everyStore },
  async (t, server) => {
    const { rig } = server
    await fill(server)
    t.equal(await server.stop(), 0)
    const database = databaseOf(rig)
    const texts = await opensIn(database, keyIn(rig))
    const steps = await stepsOf(rig)
    // The steps before the first sync of a key change nothing.
    const first = steps.indexOf('fsyncSync')
    const count = runs(Math.min(steps.length - first, 6))
    // Each run of the tests begins elsewhere, so that in time all steps are met.
    const phase = Math.random()
    let kills = 0
    for (let n = 0; n < count; n++) {
      const at = first + 1 + Math.floor(((steps.length - first) * (n + phase)) / count)
      const status = await killedAt(rig, at).ended
      if (status === 'SIGKILL') kills++
      else t.equal(status, 0)
      await proveWhole(t, rig, texts, `killed before step ${at} of ${steps.length}, ${steps[at - 1]}`)
    }
    t.ok(kills >= count / 2, `${kills} of ${count} were killed`)
  },
)

serverTest(
  t,
  'the next start, or another rekey, ends one that was interrupted',
  { stores },
  async (t, server) => {
    const { rig } = server
    await fill(server)
    t.equal(await server.stop(), 0)
    const database = databaseOf(rig)
    const texts = await opensIn(database, keyIn(rig))
    // The first rename is that of the new key; the first link is that of the note for the audit log, the second one that of
    // the former key after the commit.
    const [written, link] = ['renameSync+1', 'linkSync#2']

    t.equal(await killedAt(rig, written).ended, 'SIGKILL')
    t.ok(existsSync(`${keyFile(rig)}.next`))
    await server.restart()
    t.match(server.run.text, /a rekey that was interrupted has been forgotten/)
    t.equal(await server.stop(), 0)
    t.equal(await killedAt(rig, link).ended, 'SIGKILL')
    const backup = rig.start(['server', 'backup', 'between'])
    const isFile = (await backup.ended) === 0
    await server.restart()
    t.match(server.run.text, /a rekey that was interrupted has been completed/)
    t.equal((await server.call('POST', '/v1/jobs/nightly/run')).status, 201)
    t.equal(await server.stop(), 0)

    const now = await opensIn(database, keyIn(rig))
    t.equal(now.jobs, texts.jobs)
    t.equal(await killedAt(rig, written).ended, 'SIGKILL')
    const again = rig.start(['server', 'rekey'])
    t.equal(await again.ended, 0)
    t.match(
      again.text,
      /an earlier rekey was interrupted before it had changed anything\nsealed anew: \d+ texts in \d+ rows; /,
    )
    t.equal(await killedAt(rig, link).ended, 'SIGKILL')
    const last = rig.start(['server', 'rekey'])
    t.equal(await last.ended, 0)
    t.match(last.text, /an earlier rekey was interrupted at its end, and has been completed/)
    t.same(await opensIn(database, keyIn(rig)), now)

    if (!isFile) return
    renameSync(rig.path('state', 'server'), rig.path('away'))
    const restore = rig.start(['server', 'restore', 'between'])
    t.equal(await restore.ended, 0, restore.text)
    t.same(
      (await opensIn(database, keyIn(rig))).jobs,
      texts.jobs,
      'a backup from in between has the key that opens it',
    )
  },
)

serverTest(t, 'a rekey refuses what it cannot seal anew', {}, async (t, server) => {
  const { rig } = server
  t.equal(await server.stop(), 0)
  const refused = async (text: RegExp) => {
    const run = rig.start(['server', 'rekey'])
    t.equal(await run.ended, 69)
    t.match(run.text, text)
  }
  const [key, names] = [keyIn(rig), keyNames(rig)]
  writeFileSync(keyFile(rig), randomBytes(32))
  await refused(
    /^runner: the key in .*\/key is not the one with which the store is sealed: bring back the right key file\n$/,
  )
  const old = `${keyFile(rig)}.old-${keysOf(key).check.slice(0, 8)}`
  writeFileSync(old, key)
  await refused(
    /: a rekey has kept that one as .*\/key\.old-[0-9a-f]{8}: put a copy in the place of .*\/key\n$/,
  )
  renameSync(old, keyFile(rig))
  t.same(keyNames(rig), names)
  renameSync(rig.path('state', 'server', 'server.db'), rig.path('away.db'))
  await refused(/^runner: there is no store in .*server\.db\n$/)
  t.notOk(existsSync(rig.path('state', 'server', 'server.db')), 'and none is made')
})

// The plain tier needs no root.
if (isFull)
  serverTest(
    t,
    'root changes the key of another user, whose files stay that user’s',
    { needs: [root] },
    async (t, server) => {
      const { rig } = server
      t.equal(await server.stop(), 0)
      const all = () => [
        rig.path('state', 'server'),
        ...readdirSync(rig.path('state', 'server'), { recursive: true }).map(name =>
          rig.path('state', 'server', String(name)),
        ),
      ]
      for (const path of all()) chownSync(path, 1234, 1234)
      const refused = rig.start(['server', 'rekey'])
      t.equal(await refused.ended, 69)
      t.match(refused.text, /^runner: .* belongs to user 1234/)
      const rekey = rig.start(['--insecure-permissions', 'server', 'rekey'])
      t.equal(await rekey.ended, 0, rekey.text)
      t.equal(keyNames(rig).length, 2)
      t.same(
        all().filter(path => statSync(path).uid !== 1234 || statSync(path).gid !== 1234),
        [],
      )
    },
  )

serverTest(t, 'on a terminal a rekey says how far it is', { needs: [terminal] }, async (t, server) => {
  t.equal(await server.stop(), 0)
  const run = server.rig.start(['server', 'rekey'], onTerminal)
  t.equal(await run.ended, 0, run.text)
  t.match(run.text, /sealed anew: (\d+) of \1 rows/)
  t.match(
    run.text,
    /the former key is .*\/key\.old-[0-9a-f]{8}: files that runner backup or pg_dump wrote before need it/,
  )
})

// Each step of the kills starts a program of its own.
t.setTimeout(1_800_000)
