/*
 * Fills the small file system that it is given with a store, and says how that fared.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { execaSync } from 'execa'
import { openStore } from '../../src/store/open.ts'
import { job } from '../support/rows.ts'
import { named } from '../support/server-caller.ts'
import { failureOf } from './conformance.ts'
import { write } from './log-conformance.ts'

const dir = process.argv[2]!
const remount = (options: string) => execaSync('mount', ['-o', `remount,${options}`, dir])
const opened = await openStore({
  database: `sqlite:${join(dir, 'server.db')}`,
  keyFile: join(dir, 'server.key'),
})
if (!opened.ok) throw new Error(opened.failure.detail)
const { store } = opened.value

const acknowledged: string[] = []
const put = async () => {
  const name = randomUUID()
  await store.write(async tx => tx.putJob(job(name, 'x'.repeat(50_000))))
  acknowledged.push(name)
}
const readable = async () => (await store.read(tx => tx.job(named(acknowledged[0]!)))) !== undefined

let filled: string | undefined
while (filled === undefined) filled = await failureOf(put())
const log = await failureOf(write(store, randomUUID(), 0, Buffer.alloc(1 << 20)))
const whileFull = await readable()
remount('size=8m')
const afterRoom = (await failureOf(put())) ?? 'fine'
// A connection that writes keeps a file system from being made read-only; a bind mount over it can be.
execaSync('mount', ['--bind', dir, dir])
execaSync('mount', ['-o', 'remount,bind,ro', dir])
const readOnly = await failureOf(write(store, randomUUID(), 0, Buffer.alloc(10)))
const second = await openStore({
  database: `sqlite:${join(dir, 'second.db')}`,
  keyFile: join(dir, 'second.key'),
})
const whileReadOnly = await readable()
execaSync('umount', [dir])
const afterWritable = (await failureOf(put())) ?? 'fine'
const all = (await store.read(tx => tx.listJobs())).map(({ name }) => name)
console.log(
  JSON.stringify({
    filled,
    log,
    'a read while it is full': whileFull,
    'after there is room again': afterRoom,
    'read-only': readOnly,
    'a store that is opened now': second.ok ? 'opened' : second.failure.reason,
    'a read while it is read-only': whileReadOnly,
    'after it can be written again': afterWritable,
    'what was acknowledged is there': acknowledged.every(name => all.includes(name)),
  }),
)
await store[Symbol.asyncDispose]()
