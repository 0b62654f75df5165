import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { readableRuns } from '../../../src/cli/chain/records.ts'
import { openProcesses, runsOf } from '../../../src/journal/runs.ts'
import { fixtures, type Rig, rigTest } from '../../support/rig.ts'
import { isFull, runs } from '../../support/tier.ts'

t.setTimeout(3_600_000)

/** Begins the work `$1`, and complains if the one before it still runs; an exclusive one if any other does. */
const shell = `
alive() { [ -e "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
begin() {
  for file in "$DIR"/current/*; do
    pid=$(cat "$file" 2>/dev/null) || continue
    case "\${file##*/}" in "$1") ;; *) [ "$1" = 5-x ] || continue ;; esac
    if alive "$pid"; then echo "$1 beside \${file##*/}" >> "$DIR/overlaps"; fi
  done
  echo $$ > "$DIR/current/$1"
  sleep 60 & child=$!
  kill $child
}
end() { rm -f "$DIR/current/$1"; }
`
/** Three tasks go on only when all three have begun: then three are under way. */
const together = `
: > "$DIR/up/$RUNNER_TASK"
until [ -e "$DIR/up/a" ] && [ -e "$DIR/up/b" ] && [ -e "$DIR/up/c" ]; do sleep 0.01; done
`
const task = (body: string) => `. "$DIR/shell"
begin "$RUNNER_TASK_FILE"
${body}
end "$RUNNER_TASK_FILE"`
const tasks = {
  '1-a': task(together),
  '2-b': `${task(together)}\n[ "$RUNNER_TRY" -ge 2 ]`,
  '3-c': task(together),
  '4-d': task(''),
  '5-x': task(''),
  '6-e': task(''),
}
const config = `
[a]
order = free
[b]
order = free
[c]
order = free
[d]
order = free
depends_on = a
[x]
order = free
exclusive = yes
depends_on = a
`

for (const [retry_from, hooked] of [
  ['failed', true],
  ['beginning', false],
] as const)
  rigTest(
    t,
    `at whatever event runner is killed with three tasks under way, the resumed run ends well (retry_from = ${retry_from})`,
    { tasks },
    async (t, rig) => {
      rig.file('shell', shell)
      rig.file(
        'hook',
        '#!/bin/sh\n. "$DIR/shell"\nbegin "$RUNNER_TASK.hook"\nend "$RUNNER_TASK.hook"\n',
        0o755,
      )
      const hook = hooked ? { task_hook: './hook' } : {}
      rig.configure({ parallel: 3, retry_from, keep_runs: 100000, kill_grace: 1, ...hook }, config)

      fresh(rig)
      t.equal((await rig.finish()).status, 0)
      const events = rig.journal().map(({ event }) => event)
      const firstEnd = events.indexOf('try:ended') + 1
      const places = ['before', 'after', 'half'].flatMap(place =>
        events.map((_, index) => ({ place, at: index + 1 })),
      )
      // Each event with its turn of the two, so that both ways of retry_from together try both; a line that is half written is
      // one that is not there. A soak tries all.
      const isTurn = ({ place, at }: { place: string; at: number }) =>
        runs(1) > 1 ||
        (place === 'half' ? at % 6 === 0 : (place === 'before') === ((at % 2 === 0) === hooked))
      const every = isFull ? 1 : 20
      const ofTurn = places.filter(isTurn).filter((_, index) => index % every === 0)
      const allUnderWay = places.filter(({ place, at }) => place === 'before' && at === firstEnd)
      const chosen = new Set([...allUnderWay, ...ofTurn])
      for (const { place, at } of chosen) {
        const what = `${place} write ${at} of ${events.length}`
        fresh(rig)
        const before = runsOn(rig).length
        const killed = await rig.start(['run', '--json'], killAt(`${place}:${at}`)).ended
        if (at === firstEnd && place === 'before')
          t.equal(openProcesses(runsOn(rig)[0]!).length, 3, `three tries are under way ${what}`)
        const status = killed === 'SIGKILL' ? (await rig.finish('--resume')).status : killed
        const records = runsOn(rig)
        const done = records
          .slice(0, records.length - before)
          .reverse()
          .flatMap(run => run.tries)
          .filter(({ ended }) => ended?.outcome === 'OK')
          .map(({ started }) => started.task)
        const isOnce = retry_from === 'beginning' || done.toSorted().join() === Object.keys(tasks).join()
        const isAfter = (one: string, other: string) => done.lastIndexOf(one) > done.indexOf(other)
        const isInOrder = done.at(-1) === '6-e' && isAfter('4-d', '1-a') && isAfter('5-x', '1-a')
        const isWhole = records[0]!.done.length === Object.keys(tasks).length
        t.ok(status === 0 && isOnce && isInOrder && isWhole, `${what}: ${status}, ${done}`)
      }
      t.same(rig.lines('overlaps'), [], 'never two of one task at once, and nothing beside the exclusive one')
      t.comment(`${chosen.size} kills of ${places.length}`)
    },
  )

/** Where each run is killed, and how many tasks it may have under way. */
const kills = fc.array(
  fc.record({
    place: fc.constantFrom('before', 'half', 'after'),
    at: fc.integer({ min: 1, max: 26 }),
    parallel: fc.integer({ min: 1, max: 4 }),
  }),
  { minLength: 1, maxLength: 6 },
)
const failsOnce = task('[ "$RUNNER_TRY" -ge 2 ]')

rigTest(
  t,
  'however often runner is killed, and whatever parallel is by then, each task is OK once, and never two of one run',
  {
    tasks: {
      '1-a': task(''),
      '2-b': failsOnce,
      '3-c': failsOnce,
      '4-d': task(''),
      '5-x': task(''),
      '6-e': task(''),
    },
  },
  async (t, rig) => {
    rig.file('shell', shell)
    const property = fc.asyncProperty(kills, async kills => {
      fresh(rig)
      const before = runsOn(rig).length
      let status: number | string = 'SIGKILL'
      for (const { place, at, parallel } of kills) {
        rig.configure({ retry_from: 'failed', parallel, keep_runs: 100000, kill_grace: 1 }, config)
        status = await rig.start(['run', '--json', '--resume'], killAt(`${place}:${at}`)).ended
        if (status !== 'SIGKILL') break
      }
      if (status === 'SIGKILL') status = (await rig.finish('--resume')).status
      const records = runsOn(rig)
      const done = records
        .slice(0, records.length - before)
        .flatMap(run => run.tries)
        .filter(({ ended }) => ended?.outcome === 'OK')
        .map(({ started }) => started.task)
      return status === 0 && done.toSorted().join() === Object.keys(tasks).join()
    })
    await fc.assert(property, { numRuns: runs(30), endOnFailure: true })
    t.same(rig.lines('overlaps'), [], 'never two of one task at once, and nothing beside the exclusive one')
  },
)

function fresh(rig: Rig): void {
  for (const name of ['up', 'current']) {
    rmSync(rig.path(name), { recursive: true, force: true })
    mkdirSync(rig.path(name))
  }
}

/** The runs on record, the latest first. */
function runsOn(rig: Rig) {
  return readableRuns(runsOf(rig.path('state'), rig.path('tasks.d')))
}

function killAt(where: string): Parameters<Rig['start']>[1] & object {
  return { env: { NODE_OPTIONS: `--import=${join(fixtures, 'kill-at.mjs')}`, KILL_AT: where } }
}
