import fc from 'fast-check'
import t from 'tap'
import type { Event } from '../../../src/event.ts'
import { adviser } from '../../../src/report/run/advice.ts'
import { LiveView } from '../../../src/report/run/live.ts'
import { colours, plainColours, plainPaint } from '../../../src/report/run/terminal.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { Screen } from '../../support/screen.ts'
import { runs } from '../../support/tier.ts'

const ref = (task: string, try_num = 1) => ({ task, name: task, kind: 'task' as const, try_num })

/** A run of tasks on a screen. */
class Show {
  readonly screen: Screen
  readonly clock = new ManualClock()
  readonly view: LiveView
  readonly #tasks: string[]
  /** The written text, with colours. */
  written = ''

  constructor(screen: Screen, tasks: string[], look = plainColours) {
    this.screen = screen
    this.#tasks = tasks
    const write = (text: string) => {
      this.written += text
      screen.write(text)
    }
    const terminal = { write, isBusy: false, size: screen.size }
    Object.defineProperty(terminal, 'size', { get: () => screen.size })
    this.view = new LiveView({ terminal, clock: this.clock, ...look, usual: () => 5, advise: adviser({}) })
  }

  tell(event: object): void {
    void this.view.emit(event as Event)
  }

  start(more: object = {}): void {
    const tasks = this.#tasks.map(task => ({ task, name: task, max_tries: 3, sha256: '' }))
    this.tell({ event: 'run:started', run_id: 1, task_dir: '/tasks.d', run_dir: '/runs/1', tasks, ...more })
  }

  begin(task: string, try_num = 1): void {
    this.tell({ event: 'try:started', ...ref(task, try_num), max_tries: 3, max_time: 0 })
  }

  output(task: string, text: string): void {
    this.tell({ event: 'try:output', ...ref(task), data: Buffer.from(text) })
  }

  finish(task: string, outcome = 'OK'): void {
    const end = {
      outcome,
      exit_code: outcome === 'OK' ? 0 : 1,
      duration_seconds: 0.25,
      killed: [],
      survivors: [],
    }
    const log = { bytes: 0, left_out: 0 }
    this.tell({ event: 'try:ended', ...ref(task), ...end, log, last_lines: [] })
  }

  end(reason: string, task?: string): void {
    this.tell({
      event: 'run:ended',
      run_id: 1,
      reason,
      exit_status: 0,
      task,
      tasks_done: 1,
      duration_seconds: 2,
    })
  }

  /** Lets the next picture be drawn. */
  draw(): Promise<void> {
    return this.clock.pass(0.6)
  }
}

const isPicture = /tasks? done,|^ {2}(running|waiting|to come) |^ {4}\| |^ {2}…/

t.test(
  'a task is either in a line that stays or in the picture, and output has the room that is left',
  async t => {
    const screen = new Screen(80, 24)
    const show = new Show(screen, ['a', 'b', 'c'])
    show.start()
    show.begin('a')
    show.finish('a')
    show.begin('b')
    show.output('b', Array.from({ length: 40 }, (_, n) => `line ${n + 1}\n`).join(''))
    await show.draw()
    const drawn = screen.visible.filter(row => row !== '')
    t.same(drawn.slice(0, 5), [
      'runner: run 1: 3 tasks in /tasks.d',
      'runner: a: OK (250 ms)',
      'run 1: 1 of 3 tasks done, 0 s',
      '  running b  0 s of usually 5 s',
      '  to come c  usually 5 s',
    ])
    t.same(
      drawn.slice(5),
      Array.from({ length: 14 }, (_, n) => `    | line ${n + 27}`),
    )
    show.finish('b', 'RETRY')
    show.tell({
      event: 'chain:waiting',
      delay_seconds: 9,
      task: 'b',
      next_task: 'a',
      try_num: 2,
      max_tries: 3,
    })
    await show.draw()
    t.same(
      screen.visible.filter(row => isPicture.test(row)),
      [
        'run 1: 0 of 3 tasks done, 1 s',
        '  waiting a  8 s to wait',
        '  to come b  usually 5 s',
        '  to come c  usually 5 s',
      ],
    )
    show.end('interrupted', 'b')
    show.view.close()
    t.same(screen.visible.filter(row => row !== '').slice(-2), [
      'runner: run 1 was interrupted at b after 2 s',
      'runner: `runner run --resume` resumes it',
    ])
  },
)

t.test('tasks that run at once are all in the picture, and their lines have their names', async t => {
  const screen = new Screen(60, 24)
  const show = new Show(screen, ['a', 'b', 'c'])
  show.start({ parallel: 2 })
  show.begin('a')
  show.begin('b')
  show.output('a', 'one\npar')
  show.output('b', 'two\n')
  show.output('a', 'tial')
  await show.draw()
  const picture = () => screen.visible.filter(row => isPicture.test(row) || / \| /.test(row))
  t.same(picture(), [
    'run 1: 0 of 3 tasks done, 0 s',
    '  running a  0 s of usually 5 s',
    '  running b  0 s of usually 5 s',
    '  to come c  usually 5 s',
    '    a | one',
    '    a | partial',
    '    b | two',
  ])
  show.finish('b', 'RETRY')
  const wait = { delay_seconds: 9, task: 'b', next_task: 'b', try_num: 2, max_tries: 3 }
  show.tell({ event: 'chain:waiting', ...wait, counts: 'task' })
  await show.draw()
  t.same(picture(), [
    'run 1: 0 of 3 tasks done, 1 s',
    '  running a  1 s of usually 5 s',
    '  waiting b  8 s to wait',
    '  to come c  usually 5 s',
    '    a | one',
    '    a | partial',
  ])
  show.end('interrupted', 'b')
  show.view.close()
})

t.test('states have colours, unless none are wanted', async t => {
  const look = await colours()
  const coloured = new Show(new Screen(80, 24), ['a', 'b', 'c'], look)
  const bare = new Show(new Screen(80, 24), ['a', 'b', 'c'], { ...plainColours, paint: plainPaint })
  for (const show of [coloured, bare]) {
    show.start()
    show.begin('a')
    show.finish('a')
    show.begin('b')
    show.output('b', 'said\n')
    await show.draw()
    show.view.close()
  }
  for (const [text, color] of [
    [': OK', 32],
    ['running', 36],
    ['to come', 2],
    ['    | said', 2],
  ] as const)
    t.match(coloured.written, `\x1b[${color}m${text}\x1b[`, text)
  t.notMatch(bare.written, /\x1b\[[\d;]*m/)
})

/** Something that happens in a run, or to its terminal. */
const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('output' as const), lines: fc.nat(60), wide: fc.nat(90) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('finish' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('retry' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('resize' as const),
      columns: fc.oneof(fc.integer({ min: 20, max: 120 }), fc.constant(400)),
      rows: fc.oneof(fc.integer({ min: 3, max: 60 }), fc.constant(3)),
    }),
  },
)

t.test(
  'whatever happens and however the terminal changes, nothing is stale and nothing that stays is lost',
  async t => {
    const tasks = Array.from({ length: 12 }, (_, n) => `${n + 10}-task`)
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { maxLength: 25 }),
        fc.integer({ min: 20, max: 120 }),
        async (actions, width) => {
          const screen = new Screen(width, 24)
          const show = new Show(screen, tasks)
          show.start()
          let [now, finished] = [0, 0]
          show.begin(tasks[0]!)
          for (const one of actions) {
            if (one.do === 'resize') screen.resize(one.columns, one.rows)
            else if (one.do === 'output')
              show.output(tasks[now]!, `${'x'.repeat(one.wide)}\n`.repeat(one.lines))
            else if (one.do === 'finish' && now < tasks.length - 1) {
              show.finish(tasks[now]!)
              finished++
              show.begin(tasks[++now]!)
            } else if (one.do === 'retry') {
              show.finish(tasks[now]!, 'RETRY')
              show.tell({
                event: 'chain:waiting',
                delay_seconds: 1,
                task: tasks[now],
                next_task: tasks[0],
                try_num: 2,
                max_tries: 3,
              })
              now = 0
              show.begin(tasks[0]!, 2)
            }
            await show.draw()
            const picture = screen.visible.filter(row => isPicture.test(row))
            t.ok(
              picture.length > 0 && picture.length < screen.rows,
              'a picture that leaves room for the cursor',
            )
            t.ok(picture.filter(row => / done, /.test(row)).length < 2, 'no title of an earlier picture')
            t.equal(picture.filter(row => row.startsWith('  running')).length, 1, 'what runs')
            t.ok(
              picture.every(row => row.length < screen.columns),
              'no row to its edge',
            )
            t.same(
              picture,
              screen.visible.filter(row => row !== '').slice(-picture.length),
              'it is at the bottom',
            )
          }
          show.end('gave-up', tasks[now])
          show.view.close()
          t.same(
            screen.visible.filter(row => isPicture.test(row)),
            [],
            'nothing is left of the picture',
          )
          const stay = screen.lines.filter(line => line.startsWith('runner: '))
          t.equal(stay.filter(line => line.includes(': OK (')).length, finished, 'each end stays, once')
          t.match(stay.at(-2), /gave up at/)
          t.match(stay.at(-1), /`runner explain 1` says why; `runner logs 1 .*` shows the output/)
        },
      ),
      { numRuns: runs(300) },
    )
  },
)
