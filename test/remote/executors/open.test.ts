import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import { keptFiles } from '../../../src/remote/executors/open.ts'

const never = new AbortController().signal
const job = { job_id: 'a'.repeat(32), nonce: 'b'.repeat(32) }
const states = [
  {
    backend: 'docker',
    version: 1,
    data: { ...job, executor_id: 'c'.repeat(32), leaf: { device: 1, inode: 1 } },
  },
  { backend: 'host', version: 1, data: { ...job, slot_id: 'c'.repeat(32) } },
  { backend: 'kubernetes', version: 1, data: { ...job, slot_id: 'c'.repeat(32), limit: 1, grace: 1 } },
]

for (const state of states)
  t.test(`what ${state.backend} has kept of a job is found without the backend`, async t => {
    const directory = t.testdir()
    const kept = join(directory, 'spool')
    mkdirSync(kept)
    writeFileSync(join(kept, 'log'), 'said')
    const files = keptFiles(state, kept, { runnerId: 'one', workDir: directory, clock: systemClock })
    t.equal(await files?.logLength(), 4)
    const pieces: Uint8Array[] = []
    for await (const piece of files!.log(1, never)) pieces.push(piece)
    t.equal(Buffer.concat(pieces).toString(), 'aid')
    t.match(await files?.discard(), { ok: true })
    t.notOk(existsSync(join(kept, 'log')))
  })

t.test('nothing is found by a state that this release does not understand', async t => {
  const owner = { runnerId: 'one', workDir: t.testdir(), clock: systemClock }
  t.equal(keptFiles({ backend: 'cloud', version: 1, data: {} }, owner.workDir, owner), undefined)
  for (const backend of ['host', 'kubernetes'])
    t.equal(keptFiles({ backend, version: 1000, data: {} }, owner.workDir, owner), undefined)
})
