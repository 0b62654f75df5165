/* The mistakes that a newcomer makes on the chain of a host, by the real program: each message says what is wrong, where, and how to mend it. */
import { readdirSync, rmSync } from 'node:fs'
import t from 'tap'
import { isSound, type Mistake, makeMistakes } from '../../support/mistakes.ts'
import { said } from '../../support/operator.ts'
import { rigTest } from '../../support/rig.ts'

t.setTimeout(900_000)

rigTest(
  t,
  'mistakes in a configuration are told all at once',
  { tasks: { a: 'echo ran' } },
  async (t, rig) => {
    rig.file(
      'runner.cfg',
      `[runner]
state_dir = state
max_tires = 5
on_fail = x
max_time = 5 minutes
max_tries = 0
retry_from = middle
include_dir = nosuch
min_free = "5"
sleep_time 5
[env
A = b
[runer]
max_tries = 5
`,
    )
    const { status, err } = await said(rig.start(['run']))
    t.equal(status, 78)
    isSound(t, err)
    for (const words of [
      /runner\.cfg:3: error: \[runner\] has no key max_tires\n +did you mean max_tries\?/,
      /:4: error: \[runner\] has no key on_fail\n +correct it, or take it out: `man runner\.cfg` /,
      /:5: error: max_time is "5 minutes"; it must be a number of seconds.*\n +the default is /,
      /:6: error: max_tries is "0"; it must be a whole number, 1 or more\n +the default is /,
      /:7: error: retry_from is "middle"; it must be beginning or failed\n/,
      /:8: error: cannot read include_dir \S+nosuch: no such file.*\n +make the directory, or /,
      /:9: error: min_free is .*\n +leave the quotes out/,
      /:10: error: this says nothing: .*\n +\S/,
      /:11: error: .*\n +write "\[env\]"/,
      /:14: error: \[runer\] .*\n +did you mean \[runner\]\?/,
      /\nrunner: nothing has been run\n$/,
    ])
      t.match(err, words)
  },
)

const brokenTasks = {
  '10-plain.sh': { content: '#!/bin/sh\n', mode: 0o644 },
  '15-python.py': 'exit 0',
  '20-shell.sh': { content: '#!/bin/shh\n' },
  '30-none.sh': { content: 'exit 0\n' },
  '40-windows.sh': { content: '#!/bin/sh\r\nexit 0\r\n' },
  '50-empty.sh': { content: '' },
  '60-link.sh': { link: 'nowhere' },
  '70-folder': { other: 'directory' as const },
  '80-one.sh': 'exit 0',
  '85-two.sh': 'exit 0',
  '90-after.sh': 'exit 0',
}

rigTest(t, 'mistakes in a task directory are told all at once', { tasks: brokenTasks }, async (t, rig) => {
  rig.configure(
    { halt_task: 'gone.sh', task_hook: '/nosuch/hook', interpreter: '' },
    '[one]\ndepends_on = two\n[two]\ndepends_on = one\n[after]\ndepends_on = oen\n[python]\ninterpreter = pyton3\n',
  )
  const { status, err } = await said(rig.start(['run']))
  t.equal(status, 78)
  isSound(t, err)
  for (const words of [
    /10-plain\.sh: error: is not executable\n +make it so: chmod \+x \S+; or move it out/,
    /20-shell\.sh: error: asks for the interpreter \/bin\/shh, which is not there.*\n +install it, or fix the first line/,
    /30-none\.sh: error: begins neither with #!.*\n +give it a first line such as #!\/bin\/sh/,
    /40-windows\.sh: error: .*its lines end in CR LF\n +save it with LF line ends/,
    /50-empty\.sh: error: is empty\n +give it a first line .*, or remove it/,
    /60-link\.sh: error: is a link to nothing\n +fix or remove the link/,
    /70-folder: error: is a directory\n +tasks are files: move it out/,
    /runner\.cfg:\d+: error: halt_task: there is no file \S+gone\.sh\n +write its name as it is/,
    /runner\.cfg:\d+: error: task_hook: \/nosuch\/hook is not there.*\n +fix the path, or install it/,
    /runner\.cfg:\d+: error: interpreter: pyton3 is not there.*\n +install it, or write its path/,
    /runner\.cfg:\d+: error: tasks depend on each other in a circle: 80-one\.sh → 85-two\.sh → 80-one\.sh\n +take one/,
    /runner\.cfg:\d+: error: 90-after\.sh depends on oen, which is not a task\n +did you mean one\?/,
  ])
    t.match(err, words)
})

const onTheChain: Record<string, Mistake> = {
  'a command is misspelt': { args: ['rnu'], status: 64, says: [/no command rnu, .*did you mean run\?/] },
  'a command is misspelt, and has an option': {
    args: ['histroy', '--json'],
    status: 64,
    says: [/no command histroy, .*did you mean history\?/],
  },
  'the task directory is empty text': {
    args: ['run', ''],
    status: 64,
    says: [/must not be empty; is a var/],
  },
  'an option is misspelt': {
    args: ['run', '--ony', 'a'],
    status: 64,
    says: [/^runner: unknown option '--ony'; did you mean --only\?\nrunner: `runner run --help` /],
  },
  'an option of the program is misspelt': {
    args: ['--qiet', 'run'],
    status: 64,
    says: [/unknown option '--qiet'.*\nrunner: `runner --help` shows/],
  },
  'an argument is a word': {
    args: ['explain', 'x'],
    status: 64,
    says: [
      /^runner: argument 'run' cannot be 'x'\. It must be the number of a run\.\nrunner: `runner explain --help`/,
    ],
  },
  'a task is misspelt': {
    args: ['run', '--only', 'b'],
    status: 64,
    says: [/no task is called b; did you mean a\?/],
  },
  'the directory does not exist': {
    args: ['run', 'nosuch'],
    status: 78,
    says: [/\S+nosuch: error: the task directory cannot be read: no such.*\n +make it, name another one/],
  },
  'the directory is a file': {
    args: ['list', 'runner.cfg'],
    status: 78,
    says: [/runner\.cfg: error: the task directory cannot be read: not a directory\n +name another one/],
  },
  'the directory has no task': {
    args: ['run', 'tmp'],
    status: 78,
    says: [/no task in this directory\n +put an/],
  },
  'the configuration does not exist': {
    args: ['-c', 'none.cfg', 'run'],
    status: 78,
    says: [/none\.cfg: error: cannot read the configuration file: no such.*\n +name a file/],
  },
  'there has been no run': {
    args: ['status'],
    status: 7,
    says: [/no run of \S+tasks\.d is on record in \S+state; `runner run` makes the first one/],
  },
  'the log of a job is asked for by its name': {
    args: ['logs', 'nightly'],
    status: 7,
    says: [/no run of .*; `runner logs nightly@latest` is for a job/],
  },
  'a key is not there': {
    args: ['get', 'runner.max_tires', '--require'],
    status: 1,
    says: [/runner\.max_tires is not set in \S*runner\.cfg/],
  },
  'nothing is attached that could be drained': {
    args: ['drain'],
    status: 7,
    says: [/no runner is attached with \S+; `runner attach` attaches one/],
  },
}

rigTest(t, 'mistakes on the chain of a host', { tasks: { '10-a.sh': 'exit 0' } }, async (t, rig) => {
  await makeMistakes(t, rig, onTheChain)
  const hold = rig.hold('hold')
  rig.task('10-a.sh', 'read line < $DIR/hold')
  const first = rig.run()
  await first.event('try:started')
  await makeMistakes(t, rig, {
    'a chain is run twice at a time': {
      args: ['run'],
      status: 4,
      says: [/another run of \S+tasks\.d is under way, by process \d+ since .*; --wait waits for its end/],
    },
  })
  hold.release()
  await first.ended
  await makeMistakes(t, rig, {
    'a task has not run': {
      args: ['logs', '1', 'b'],
      status: 7,
      says: [/run 1 has no try of b; `runner list` .*by JOB@latest/],
    },
  })
  rig.task('10-a.sh', 'exit 0')
  rig.configure({ state_dir: 'runner.cfg' })
  const unrecorded = rig.start(['run'])
  t.equal(await unrecorded.ended, 0)
  t.match(
    unrecorded.text,
    /^runner: the state directory \S+runner\.cfg cannot be used: it is not a directory; .*; set state_dir in \[runner\] to a directory/m,
  )
  await makeMistakes(t, rig, {
    'records are looked for in a file': {
      args: ['status'],
      status: 7,
      says: [/state directory \S+ is not a directory; set state_dir/],
    },
  })
  for (const name of readdirSync(rig.path('tmp'))) rmSync(rig.path('tmp', name), { recursive: true })
})
