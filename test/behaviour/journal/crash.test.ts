import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { readableRuns } from '../../../src/cli/chain/records.ts'
import { runsOf } from '../../../src/journal/runs.ts'
import { fixtures, type Rig, rigTest } from '../../support/rig.ts'
import { runs } from '../../support/tier.ts'

t.setTimeout(3_600_000)

/** The number of chains that are killed and resumed; `npm run soak` asks for more. */
const chains = runs(20)

/** Complains if the task or hook before it still runs, and does its work in a child. */
const work = `
previous=$(cat "$DIR/current" 2>/dev/null) && [ -e /proc/$previous ] &&
  ! grep -q '^State:.Z' /proc/$previous/status 2>/dev/null && echo "$previous" >> "$DIR/overlaps"
echo $$ > "$DIR/current"
sleep 60 & child=$!
kill $child
rm -f "$DIR/current"
`
const task = `${work}echo "$RUNNER_TASK_FILE" >> "$DIR/ran"\n`
const tasks = { '1-a': task, '2-b': `${task}[ "$RUNNER_TRY" -ge 2 ]`, '3-c': task }

/** Where a run is killed: at one of the writes to its journal, of which there are more with a hook. */
const kill = (hooked: boolean) =>
  fc.record({
    place: fc.constantFrom('before', 'half', 'after'),
    at: fc.integer({ min: 1, max: hooked ? 40 : 16 }),
  })
const plan = fc
  .boolean()
  .chain(hooked =>
    fc.record({ hooked: fc.constant(hooked), kills: fc.array(kill(hooked), { minLength: 1, maxLength: 8 }) }),
  )
const settings = { retry_from: 'failed', keep_runs: 100000, kill_grace: 1 }

rigTest(
  t,
  'whenever runner is killed, resumed runs end with each task exactly once OK, in order, and never two at once',
  { tasks },
  async (t, rig) => {
    let before = 0
    rig.file('hook', `#!/bin/sh\n${work}`, 0o755)
    const property = fc.asyncProperty(plan, async ({ hooked, kills }) => {
      rig.configure({ ...settings, ...(hooked ? { task_hook: './hook' } : {}) })
      let status: number | string = 'SIGKILL'
      for (const { place, at } of kills) {
        status = await rig.start(['run', '--json', '--resume'], killAt(`${place}:${at}`)).ended
        if (status !== 'SIGKILL') break
      }
      if (status === 'SIGKILL') status = (await rig.finish('--resume')).status
      const runs = readableRuns(runsOf(rig.path('state'), rig.path('tasks.d'))).reverse()
      const fresh = runs.filter(run => run.started.run_id > before)
      before = runs.at(-1)!.started.run_id
      const done = fresh
        .flatMap(run => run.tries)
        .filter(({ ended }) => ended?.outcome === 'OK')
        .map(({ started }) => started.task)
      // A run that was killed after its end is not run again.
      const ended = fresh.filter(run => run.ended?.reason === 'succeeded').length
      return status === 0 && ended === 1 && done.join() === '1-a,2-b,3-c'
    })
    await fc.assert(property, { numRuns: chains, endOnFailure: true })
    t.same(rig.lines('overlaps'), [], 'never two at once')
    t.comment(`${chains} chains`)
  },
)

rigTest(
  t,
  'a kill at the rename of a shortened log loses nothing but that try',
  {
    runner: { log_limit: 1000 },
    tasks: { a: 'head -c 5000 /dev/zero | tr "\\\\0" x; echo "$RUNNER_TRY" >> "$DIR/ran"' },
  },
  async (t, rig) => {
    t.equal(await rig.start(['run', '--json'], killAt('rename:1')).ended, 'SIGKILL')
    t.equal((await rig.finish('--resume')).status, 0)
    t.same(rig.lines('ran'), ['1', '1'])
    t.match(rig.log('001-a.1.log', 2).toString(), /^x{500}\n\[runner: 4000 of 5000 bytes are left out here/)
  },
)

function killAt(where: string): Parameters<Rig['start']>[1] & object {
  return { env: { NODE_OPTIONS: `--import=${join(fixtures, 'kill-at.mjs')}`, KILL_AT: where } }
}
