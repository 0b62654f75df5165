import { writeFileSync } from 'node:fs'
import t from 'tap'
import { isAlive } from '../../support/processes.ts'
import { rigTest } from '../../support/rig.ts'

/** Ignores SIGTERM, as do its children, of which one has cleared its environment and one has left the group. */
const stubborn = (phase: string) => `#!/bin/sh
[ "$RUNNER_HOOK" = ${phase} ] && ! [ -e "$DIR/go" ] || exit 0
trap '' TERM
stay='echo $$ >> "$1/pids"; echo >> "$1/up"; read x < "$1/hold"'
sh -c "$stay" child "$DIR" &
env -i /bin/sh -c "$stay" cleared "$DIR" &
( setsid sh -c "$stay" daemon "$DIR" & )
echo $$ >> "$DIR/pids"
for each in 1 2 3; do read x; done < "$DIR/up"
kill -9 $PPID
read x < "$DIR/hold"
`
const ran = 'echo "$RUNNER_TASK_FILE" >> "$DIR/ran"'

for (const phase of ['pre', 'post'] as const)
  rigTest(
    t,
    `what a ${phase} hook has left when runner was killed is ended before the next run, and named`,
    { runner: { task_hook: './hook', kill_grace: 0.3 }, tasks: { a: ran, b: ran } },
    async (t, rig) => {
      for (const name of ['hold', 'up']) rig.hold(name)
      rig.file('hook', stubborn(phase), 0o755)
      t.equal(await rig.run().ended, 'SIGKILL')
      const pids = rig.lines('pids').map(Number)
      t.equal(pids.filter(isAlive).length, 4)
      writeFileSync(rig.path('go'), '')
      const run = await rig.finish('--resume')
      t.equal(run.status, 0)
      t.same(pids.filter(isAlive), [])
      const { resumes } = run.all('run:started')[0]!
      t.same(
        resumes?.killed.map(({ pid }) => pid).sort((a, b) => a - b),
        pids.sort((a, b) => a - b),
      )
      t.match(run.all('notice'), [
        { reason: 'left-over', message: /^ended what run 1, which had crashed, had left: .*hook/ },
      ])
      t.same(resumes?.done, phase === 'pre' ? [] : ['a'])
      t.same(rig.lines('ran'), ['a', 'b'])
    },
  )

rigTest(
  t,
  'a hook that has ended before runner was killed is left alone with what it has left',
  { runner: { task_hook: './hook' }, tasks: { a: '[ -e "$DIR/go" ] || kill -9 $PPID' } },
  async (t, rig) => {
    const hold = rig.hold('hold')
    rig.hold('up')
    const life = rig.lifeline('life')
    rig.file(
      'hook',
      '#!/bin/sh\n[ -e "$DIR/go" ] && exit 0\n(exec 9> "$DIR/life"; echo > "$DIR/up"; read x < "$DIR/hold"; echo free > "$DIR/free") &\nread x < "$DIR/up"\n',
      0o755,
    )
    t.equal(await rig.run().ended, 'SIGKILL')
    rig.file('go', '')
    const run = await rig.finish('--resume')
    t.equal(run.status, 0)
    t.same(run.all('run:started')[0]?.resumes?.killed, [])
    hold.release()
    await life.gone()
    t.same(rig.lines('free'), ['free'])
  },
)
