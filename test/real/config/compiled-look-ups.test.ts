import { chownSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { compare, put, site } from '../../support/compiled-site.ts'
import { program, root, testWith } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'
import { SmallDisk } from '../../support/small-disk.ts'

const needs = [root, ...['unshare', 'nsenter', 'fallocate'].map(program)]
const tasks = {
  a: '$RUNNER_CONFIG_CMD -g facts.one >> "$DIR/trace"',
  b: '$RUNNER_CONFIG_CMD -g facts.one >> "$DIR/trace"; $RUNNER_CONFIG_CMD -g facts.two >> "$DIR/trace"',
}
const config = '[facts]\none = 1\n'

rigTest(
  t,
  'a run compiles the configuration in /run, and root uses only what is its own',
  { tasks, config, needs },
  async (t, rig) => {
    await using disk = await SmallDisk.over('/run', '1m')
    const file = rig.path('runner.cfg')
    utimesSync(file, 1_700_000_000.25, 1_700_000_000.25)
    t.equal(await rig.start(['-c', rig.path('runner.cfg'), 'run'], { before: disk.before }).ended, 0)
    t.equal(readFileSync(rig.path('trace'), 'utf8'), '1\n1\n')
    const own = disk.seen('/run/runner-look-up')
    const script = `${own}/1${file}/s-facts`
    // Another answer than that of the file shows where it is from.
    writeFileSync(script, readFileSync(script, 'utf8').replace("rn_value='1'", "rn_value='compiled'"))
    const ask = async () => {
      const run = rig.start(['-c', file, '-g', 'facts.one'], { before: disk.before })
      await run.ended
      return Buffer.concat(run.out).toString()
    }
    t.equal(await ask(), 'compiled\n')
    chownSync(own, 65534, 65534)
    t.equal(await ask(), '1\n', 'of another user')
    chownSync(own, 0, 0)
    t.equal(await ask(), 'compiled\n')
    writeFileSync(file, readFileSync(file, 'utf8').replace('one = 1', 'one = 2'))
    t.equal(await ask(), '2\n', 'of another time')
  },
)

rigTest(
  t,
  'a full disk costs the compiled form, and no look-up',
  { tasks, config, needs },
  async (t, rig) => {
    await using disk = await SmallDisk.over('/run', '1m')
    await disk.fill(4096)
    utimesSync(rig.path('runner.cfg'), 1_700_000_000.25, 1_700_000_000.25)
    t.equal(await rig.start(['-c', rig.path('runner.cfg'), 'run'], { before: disk.before }).ended, 0)
    t.equal(readFileSync(rig.path('trace'), 'utf8'), '1\n1\n')
  },
)

testWith(
  t,
  'the shell of busybox, which compares whole seconds, does not use compiled forms',
  [program('busybox')],
  async t => {
    const all = site(t)
    put(all.file, '[a]\nb = 1\n')
    all.compile()
    const way = { ...all.only[0]!, name: 'busybox', shell: `${program('busybox').path} sh` }
    t.equal(compare(all, [way], ['a.b']), 1)
    t.equal(compare(all, all.only, ['a.b']), 0)
  },
)
