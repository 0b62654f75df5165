import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fixtures, type RigSpec, rigTest } from '../../support/rig.ts'
import type { Told } from '../../support/run.ts'

/*
 * The events of a chain without `parallel` are those of the release before it had that key, but for new fields: the files
 * in test/fixtures/one-at-a-time are what commit b5cb1f1 told of these chains. Left out are output, the wording of messages,
 * the processes that were ended, the events of a killed run, and facts that differ from run to run.
 */

const hook = `sh -c 'echo "$RUNNER_HOOK of $RUNNER_TASK"' sh`
const chains: Record<string, RigSpec & { runs?: string[][] }> = {
  'from-the-beginning': {
    runner: { max_tries: 3, task_hook: hook },
    config: '[c]\nrequired = no\nmax_tries = 2\n[b]\ndepends_on = d\n',
    tasks: {
      a: 'echo a',
      b: 'echo b; [ "$RUNNER_TRY" = 2 ]',
      c: 'echo c; exit 7',
      d: 'echo d',
      e: 'kill -9 $$ 2>/dev/null || [ "$RUNNER_TRY" = 3 ]',
    },
  },
  'from-the-failed': {
    runner: { retry_from: 'failed', max_tries: 3 },
    config: '[c]\nrequired = no\nmax_tries = 2\n',
    tasks: { a: 'exit $((2 - RUNNER_TRY))', b: '', c: 'exit 1', d: 'exit 9', e: '', 'halt.sh': 'echo halt' },
  },
  halted: { tasks: { a: '', b: 'echo no >&2; exit 2', c: '', 'halt.sh': 'exit 5' } },
  exited: { tasks: { a: '', b: 'exit 3', c: '' } },
  'timed-out': {
    runner: { max_tries: 1, kill_grace: 5 },
    config: '[b]\nmax_time = 0.2\n',
    tasks: { a: '', b: 'exec sleep 60' },
  },
  skipped: {
    config: '[a]\nrun = once\n[b]\ncondition_path_exists = /nowhere\n[c]\ncondition_command = true\n',
    tasks: { a: '', b: '', c: '', d: '' },
    runs: [['-n', '2']],
  },
  resumed: {
    runner: { retry_from: 'failed', max_tries: 4 },
    config: '[c]\nrequired = no\n',
    tasks: {
      a: '',
      b: '[ "$RUNNER_TRY" = 2 ]',
      c: '[ "$RUNNER_TRY" = 1 ] && exit 1; [ -e "$DIR/go" ] || { : > "$DIR/go"; kill -9 $PPID; }',
      d: '',
    },
    runs: [[], ['--resume']],
  },
  interrupted: {
    runner: { retry_from: 'failed' },
    tasks: { a: '', b: '[ -e "$DIR/go" ] || { : > "$DIR/go"; kill $PPID; exec sleep 60; }', c: '' },
    runs: [[], ['--resume']],
  },
  rebooted: {
    runner: { reboot_command: 'true' },
    tasks: { a: 'exit 194', b: '' },
    runs: [[], ['--resume']],
  },
}

for (const [name, { runs = [[]], ...spec }] of Object.entries(chains))
  rigTest(t, `a chain tells the same events as before there was parallel: ${name}`, spec, async (t, rig) => {
    const told: unknown[] = []
    for (const args of runs) {
      const run = await rig.finish(...args)
      // The last events of a killed run come or do not come.
      if (run.status !== 'SIGKILL')
        told.push(...run.events.filter(isSure).map(event => sameEachTime(event, rig.dir)))
      told.push({ status: run.status })
    }
    const lines = readFileSync(join(fixtures, 'one-at-a-time', `${name}.jsonl`), 'utf8').split('\n')
    const before = lines.slice(0, -1).map(line => JSON.parse(line))
    t.equal(told.length, before.length)
    t.same(onlyKnown(told, before), before)
  })

/** A value without the fields that another one has not. */
function onlyKnown(value: unknown, known: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(known)) return value.map((one, at) => onlyKnown(one, known[at]))
  if (typeof value !== 'object' || value === null || typeof known !== 'object' || known === null) return value
  const of = new Map<string, unknown>(Object.entries(known))
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (of.has(key) ? [[key, onlyKnown(one, of.get(key))]] : [])),
  )
}

/** Output comes in pieces of any size. */
const isSure = ({ event }: Told) => event !== 'try:output' && event !== 'hook:output'

/** Facts that are others at each run. */
const changing = new Set([
  'at',
  'boot_id',
  'pid',
  'start_ticks',
  'try_id',
  'hook_id',
  'started_at',
  'duration_seconds',
  'killed',
  'message',
])

const aTime = /\d{4}-\d\d-\d\d[ T][\d:.]+Z?/

/** An event without what is different each time, and with `DIR` for the directory of the test. */
function sameEachTime(value: unknown, dir: string): unknown {
  if (typeof value === 'string') return value.replaceAll(dir, 'DIR').replace(aTime, 'TIME')
  if (Array.isArray(value)) return value.map(one => sameEachTime(one, dir))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, changing.has(key) ? key : sameEachTime(one, dir)]),
  )
}
