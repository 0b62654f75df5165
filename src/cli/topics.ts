/* Introductions of one screen: `runner help chain`. */

/** Each topic by its word, with what `runner help` says of it and its text. */
export const topics: Readonly<Record<string, { summary: string; text: string }>> = {
  chain: {
    summary: 'a chain of tasks on this host',
    text: `A chain is a directory of programs. \`runner run\` starts them one after the
other, in the order of their names, and keeps a record of each run.

  tasks.d/10-network.sh   a task: any executable file; its name gives its place
  tasks.d/20-disk.sh      runs when the task before has succeeded
  runner.cfg              settings: [runner] for all tasks, [disk] for one

When a task fails, the chain begins again (with \`retry_from = failed\` at that
task), until the task has had \`max_tries\` tries; then the run gives up.
\`runner run --resume\` resumes a run that was interrupted.

Begin:
  runner check                list problems of the configuration and of tasks
  runner list                 show the tasks in their order
  runner run --dry-run        show the tasks that would run
  runner run                  run them

While it runs, and afterwards:
  runner status               how far it is, or how it ended
  runner explain              why it ended so, on one screen
  runner logs 10-network.sh   the output of a task
  runner history              the runs before

build-runner's spelling works, too: runner -c site.cfg -n 1 -H tasks.d
`,
  },
  jobs: {
    summary: 'jobs in containers, on any node',
    text: `A job is a container image and a command. The server keeps it in a queue until a
node can take it; each try to run it is an execution, which has an id, a state,
a log and a result.

Run something:
  runner submit --image alpine:3 --wait -- echo hello
  runner job put nightly --image builder:7 -- make dist
  runner submit nightly --wait                             run it

What happens:
  runner ps                   executions that run or wait, with the reason
  runner ps --all --since 1d  executions of the last day
  runner show ID              all about one execution
  runner logs -f ID           its output, as it comes
  runner abort ID             end it
  runner rerun ID             run it again, as it was defined then

An ID may be cut to its first 8 characters or more; nightly@latest is the latest
execution of the job nightly.
`,
  },
  schedules: {
    summary: 'jobs that run by themselves',
    text: `A job with a schedule runs by itself:
  runner job put nightly --image builder:7 --cron '30 2 * * *' \\
    --time-zone Europe/Berlin -- make dist
  --every 15m, or once --at '2026-12-24 18:00', are the other forms.

A pattern has five fields, or six with seconds before them:
  minute 0-59, hour 0-23, day of month 1-31 or L, month 1-12 or JAN,
  day of week 0-7 or MON, MON#2 (the second one), FRIL (the last one)
  * any    1,15 two    1-5 a range    */10 every tenth    @hourly, @daily, …
  H a number of its own for each job, also H/15 and H(0-29): H 3 * * *
  With both days given, either one suffices.

When clocks change, 30 2 runs once: in spring after the gap (--dst-gap), in
autumn the first time (--dst-overlap). */30 and 0 * * * * simply go on.

If no server ran, or schedules were paused, the last missed time runs late, up
to a day (--catch-up none|last|all, --catch-up-window 12h|forever).

  runner schedule            next times, and times that were not fired
  runner schedule next JOB   its next times, in its zone and in UTC
  runner schedule missed     times that were not fired, and why
  runner schedule pause      run nothing by itself; \`resume\` ends that
`,
  },
  fleet: {
    summary: 'a server, its nodes, tokens and rights',
    text: `A node is a host that takes jobs. It runs \`runner attach\`, which asks the server
for work; the server never connects to a node.

  runner server               start the server, which writes its first tokens
  runner attach               on each node: take jobs, run them in containers
  runner doctor               on a node: check all that attach needs

Nodes:
  runner node                 the nodes, and whether they work
  runner node disable NAME    let it take no more jobs; \`enable\` ends that
  runner drain                on a node: finish running jobs, then stop
  runner group                groups of nodes, and their leaders
  runner page                 a link to all of that in a browser

Rights:
  runner token create submitter ci   for a program that runs jobs
  runner whoami               the role of the token at hand, and where it holds
  runner audit                changes and their authors

Keep:
  runner backup FILE          the definitions of all jobs
  runner server backup FILE   the whole store of the server
  runner server move          from SQLite to PostgreSQL
`,
  },
}
