import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import t from 'tap'
import { takeLock } from '../../src/system/lock.ts'
import { rigTest } from '../support/rig.ts'

const held = { runner: { allow_empty: 'yes' }, tasks: { a: 'read x < "$DIR/hold"' } }

rigTest(
  t,
  'a second run says which process holds the lock since when, and ends with 4',
  held,
  async (t, rig) => {
    const hold = rig.hold('hold')
    const first = rig.run()
    await first.event('try:running')
    const second = rig.start(['run'])
    t.equal(await second.ended, 4)
    const words = /another run of .* is under way, by process (\d+) since \d{4}-.*Z; --wait waits for its end/
    t.equal(Number(second.text.match(words)?.[1]), first.all('run:started')[0]?.pid)
    hold.release()
    t.equal(await first.ended, 0)
  },
)

rigTest(t, '--wait waits for the end of the other run', held, async (t, rig) => {
  const hold = rig.hold('hold')
  const first = rig.run()
  await first.event('try:running')
  const second = rig.run('--wait')
  await second.event('notice', ({ reason }) => reason === 'waiting-for-lock')
  t.same(second.tries, [])
  hold.release()
  t.equal(await first.ended, 0)
  await second.event('try:running')
  hold.release()
  t.equal(await second.ended, 0)
  t.match(rig.notices(2), [/another run of .* is under way/])
})

rigTest(t, 'a signal ends the wait for the lock', held, async (t, rig) => {
  const hold = rig.hold('hold')
  const first = rig.run()
  await first.event('try:running')
  const second = rig.run('--wait')
  await second.event('notice', ({ reason }) => reason === 'waiting-for-lock')
  second.child.kill('SIGTERM')
  t.equal(await second.ended, 143)
  hold.release()
  t.equal(await first.ended, 0)
})

rigTest(
  t,
  'the lock of a run that was killed is free at once',
  { tasks: { a: '[ -e "$DIR/go" ] || kill -9 $PPID' } },
  async (t, rig) => {
    t.equal(await rig.run().ended, 'SIGKILL')
    rig.file('go', '')
    t.equal((await rig.finish()).status, 0)
  },
)

rigTest(t, 'two task directories with one state directory do not hinder each other', held, async (t, rig) => {
  const hold = rig.hold('hold')
  const first = rig.run()
  await first.event('try:running')
  const other = rig.path('tmp')
  t.equal(await rig.start(['run', other]).ended, 0)
  hold.release()
  t.equal(await first.ended, 0)
})

for (const [what, act] of [
  ['removed', (state: string) => rmSync(state, { recursive: true })],
  ['moved', (state: string) => renameSync(state, `${state}.old`)],
  [
    'replaced by an empty one',
    (state: string) => {
      rmSync(state, { recursive: true })
      mkdirSync(state, { mode: 0o700 })
    },
  ],
] as const)
  rigTest(
    t,
    `the lock holds also when the state directory has been ${what} in mid-run`,
    held,
    async (t, rig) => {
      const hold = rig.hold('hold')
      const first = rig.run()
      await first.event('try:running')
      act(rig.path('state'))
      for (const _ of [1, 2]) {
        const other = rig.start(['run'])
        t.equal(await other.ended, 4)
        const pid = first.all('run:started')[0]?.pid
        t.match(other.text, new RegExp(`another run of .* is under way, by process ${pid} since \\d{4}-`))
      }
      const elsewhere = rig.start(['run', rig.path('tmp')])
      t.equal(await elsewhere.ended, 0, 'another task directory')
      hold.release()
      t.equal(await first.ended, 0)
      t.match(first.all('notice'), [{ reason: 'state-lost' }])
      const next = rig.run()
      await next.event('try:running')
      hold.release()
      t.equal(await next.ended, 0, 'it ends with its holder')
    },
  )

rigTest(t, 'no lock and no note is written through a link', { tasks: { a: '' } }, async (t, rig) => {
  t.equal((await rig.finish()).status, 0)
  const precious = rig.file('precious', 'as it was')
  const [database] = readdirSync(rig.path('state/locks')).filter(name => name.endsWith('.db'))
  const path = rig.path('state/locks', database!)
  symlinkSync(precious, path.replace(/db$/, 'json'))
  t.equal((await rig.finish()).status, 0)
  t.equal(readFileSync(precious, 'utf8'), 'as it was', 'the note')
  rmSync(path)
  symlinkSync(precious, path)
  const run = await rig.finish()
  t.equal(run.status, 0)
  t.match(run.all('notice'), [{ message: /\.db is not a regular file: remove it/ }])
  t.equal(readFileSync(precious, 'utf8'), 'as it was', 'the lock')
})

t.test('a lock that is released leaves nothing in its process, and its note goes with it', async t => {
  const state = t.testdir()
  const listeners = process.listenerCount('exit')
  const notes = () => readdirSync(`${state}/locks`).filter(name => name.endsWith('.json'))
  const take = (since: string) => {
    const taken = takeLock(state, 'any', { pid: process.pid, boot_id: 'a boot', since })
    if (!taken.ok) throw new Error('it is held')
    return taken.value
  }
  const first = take('1')
  t.equal(notes().length, 1)
  first.release()
  t.same(notes(), [])
  t.equal(process.listenerCount('exit'), listeners)
  const second = take('2')
  t.equal(second.killed, undefined)
  second.releaseKeepingNote()
  t.equal(notes().length, 1, 'until the process exits')
  const third = take('3')
  t.match(third.killed, { since: '2' }, 'to whoever takes it before that, its holder has been killed')
  third.release()
})
