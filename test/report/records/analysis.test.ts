import t from 'tap'
import { foldRun, type Recorded, type RunRecord } from '../../../src/journal/run-record.ts'
import { analyze } from '../../../src/report/records/analysis.ts'
import { analysisSvg } from '../../../src/report/records/analysis-svg.ts'

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString()
const ref = (task: string, try_num: number) => ({ task, name: task, kind: 'task', try_num }) as const
const log = { bytes: 0, lines: 0, left_out: 0 }
const nothing = { killed: [], survivors: [], log, last_lines: [] }

type Part =
  | { task: string; from: number; to: number; outcome?: 'OK' | 'RETRY'; try_num?: number }
  | { task: string; from: number; to: number; hook: 'pre' | 'post'; try_num?: number }
  | { task: string; from: number; wait: number; chain?: true }

/** A run on record of these tries, hooks and waits. */
function runOf(run_id: number, parts: readonly Part[], end: number, parallel?: number): RunRecord {
  const files = [...new Set(parts.map(({ task }) => task))].toSorted()
  const events = parts.flatMap((part): Recorded[] => {
    const { task, from } = part
    if ('wait' in part) {
      const counts = part.chain ? 'chain' : 'task'
      const next = { next_task: part.chain ? files[0]! : task, try_num: 2, max_tries: 3 }
      return [{ at: at(from), event: 'chain:waiting', delay_seconds: part.wait, task, counts, ...next }]
    }
    const of = ref(task, part.try_num ?? 1)
    if ('hook' in part) {
      const hook = { ...of, hook: part.hook }
      return [
        { at: at(from), event: 'hook:started', ...hook, hook_id: '' },
        { at: at(part.to), event: 'hook:ended', ...hook, ...nothing },
      ]
    }
    const outcome = part.outcome ?? 'OK'
    const times = { started_at: at(from), duration_seconds: part.to - from }
    return [
      { at: at(from), event: 'try:started', ...of, try_id: '', max_tries: 3, max_time: 0 },
      { at: at(part.to), event: 'try:ended', ...of, outcome, ...times, ...nothing },
    ]
  })
  const started = {
    at: at(0),
    event: 'run:started',
    format: parallel === undefined ? 1 : 2,
    run_id,
    boot_id: 'boot',
    pid: 1,
    start_ticks: '0',
    task_dir: '/tasks.d',
    reboots: 0,
    tasks: files.map(task => ({ task, name: task })),
    ...(parallel === undefined ? {} : { parallel }),
  } as const
  const ended = {
    at: at(end),
    event: 'run:ended',
    run_id,
    reason: 'succeeded',
    exit_status: 0,
    tasks_done: files.length,
    duration_seconds: end,
  } as const
  const inOrder = events.toSorted((a, b) => a.at.localeCompare(b.at))
  return foldRun(started, [...inOrder, ended])
}

const parts: Part[] = [
  { task: 'a', from: 0, to: 1, hook: 'pre' },
  { task: 'a', from: 1, to: 3, outcome: 'RETRY' },
  { task: 'a', from: 3, wait: 4 },
  { task: 'a', from: 7, to: 9, try_num: 2 },
  { task: 'b', from: 0, to: 5 },
  { task: 'c', from: 9.5, to: 12 },
]
const earlier = [4, 1, 2].map((seconds, index) => runOf(index + 1, [{ task: 'c', from: 0, to: seconds }], 9))

t.test('the time of a task is divided among its tries, waits and hooks', async t => {
  const { tasks, idle_seconds, duration_seconds } = analyze(runOf(4, parts, 12, 2), earlier, new Date())
  t.equal(duration_seconds, 12)
  t.equal(idle_seconds, 0.5)
  t.match(tasks, [
    { task: 'a', from: 0, to: 9, seconds: 9, try_seconds: 4, hook_seconds: 1, wait_seconds: 4, tries: 2 },
    { task: 'b', from: 0, to: 5, seconds: 5, try_seconds: 5, hook_seconds: 0, wait_seconds: 0, tries: 1 },
    { task: 'c', from: 9.5, seconds: 2.5, tries: 1, usual_seconds: 2 },
  ])
})

t.test('the critical chain leads from the end of the run back over what each task waited for', async t => {
  const { critical_chain } = analyze(runOf(4, parts, 12, 2), earlier, new Date())
  t.same(critical_chain, [
    { task: 'a', from: 0, seconds: 9 },
    { task: 'c', from: 9.5, seconds: 2.5, usual_seconds: 2 },
  ])
})

t.test(
  'a wait of the chain lasts until the next task begins, and belongs to the task that failed',
  async t => {
    const again: Part[] = [
      { task: 'a', from: 0, to: 1 },
      { task: 'b', from: 1, to: 2, outcome: 'RETRY' },
      { task: 'b', from: 2, wait: 10, chain: true },
      { task: 'a', from: 5, to: 6, try_num: 2 },
      { task: 'b', from: 6, to: 7, try_num: 2 },
    ]
    const { tasks, critical_chain } = analyze(runOf(1, again, 7), [], new Date())
    t.match(tasks, [
      { task: 'a', tries: 2, wait_seconds: 0 },
      { task: 'b', wait_seconds: 3, seconds: 5 },
    ])
    t.same(
      critical_chain.map(({ task, from, seconds }) => [task, from, seconds]),
      [
        ['a', 0, 1],
        ['b', 1, 4],
        ['a', 5, 1],
        ['b', 6, 1],
      ],
    )
  },
)

t.test('a run that did nothing has no chain', async t => {
  t.match(analyze(runOf(1, [], 1), [], new Date()), { tasks: [], critical_chain: [], idle_seconds: 1 })
})

t.test('the picture has a bar for each part, and takes names for text', async t => {
  const odd = parts.map(part => ({ ...part, task: part.task === 'a' ? '<b>&"\n' : part.task }))
  const svg = analysisSvg(analyze(runOf(4, odd, 12, 2), earlier, new Date()))
  t.match(svg, /^<svg /)
  t.notMatch(svg, '<b>')
  t.match(svg, '&#60;b&#62;&#38;')
  t.equal(svg.match(/<title>[^<]*: /g)?.length, 1 + 3 + parts.length)
  t.notMatch(svg, /NaN|Infinity|undefined/)
  t.notMatch(analysisSvg(analyze(runOf(1, [], 0), [], new Date())), /NaN|Infinity|undefined/)
})
