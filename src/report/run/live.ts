import stringWidth from 'string-width'
import type { Clock } from '../../edges.ts'
import type { Emit, Event, TryRef } from '../../event.ts'
import { counted } from '../../system/counted.ts'
import { shown } from '../../system/printable.ts'
import { describe, durationText } from '../describe.ts'
import type { Advise } from './advice.ts'
import { OutputTail } from './output-tail.ts'
import { type Drawn, emptyAfter, layOut, type PictureLine, rowsOfAll, takeAway } from './picture.ts'
import type { Paint, Palette, TaskState } from './terminal.ts'

/** The terminal of a view. */
export interface Terminal {
  write(text: string): void
  /** Whether earlier output is still on its way. */
  readonly isBusy: boolean
  readonly size: { columns: number; rows: number }
}

/** Seconds between two pictures. */
const pictureEvery = 0.1
/** Lines that wait for a terminal that takes none, at the most; the first ones are left out. */
const mostWaiting = 1000

interface TaskView {
  task: string
  state: TaskState
  try_num: number
  max_tries: number
  /** Monotonic seconds at which the try began. */
  since: number
  /** Seconds to wait before its next try. */
  wait?: number
  usual?: number | undefined
}

export interface LiveViewOptions {
  terminal: Terminal
  clock: Clock
  paint: Paint
  palette: Palette
  /** Seconds that a task usually takes. */
  usual: (task: string) => number | undefined
  /** The lines behind the end of a run. */
  advise: Advise
}

/**
 * Shows a run while it is under way: ends of tries are lines that stay, and below them a picture is drawn
 * again and again, of the tasks that are not over, with their state and elapsed against usual time, and of as
 * many last lines of the running tasks as there is room for. A task that is over is in a line above, so it is
 * not in the picture too.
 *
 * No line of the picture is wider than the terminal, and there is room for the picture in a terminal of half
 * the width as well: the previous picture is found by the rows into which a terminal breaks its lines when it
 * becomes narrower. A line that is out of sight all the same is taken away as soon as it comes back.
 */
export class LiveView {
  readonly #terminal: Terminal
  readonly #clock: Clock
  readonly #paint: Paint
  readonly #palette: Palette
  readonly #usual: (task: string) => number | undefined
  readonly #advise: Advise
  readonly #over = new AbortController()
  #title = ''
  #count = 0
  #begun = 0
  #tasks: TaskView[] = []
  /** The tasks of the chain that are OK. */
  #done = new Set<string>()
  readonly #output = new OutputTail()
  /** Whether several tasks may run at once. */
  #parallel = false
  /**
   * Lines of earlier pictures that a change of the terminal has pushed out of sight, and all lines below them
   * but the picture: a taller terminal shows them again.
   */
  #above: Drawn[] = []
  /** The size at the last drawing, and the empty rows that it left below the cursor. */
  #size = { columns: 0, rows: 0 }
  #empty = 0
  /** The lines of the picture on the screen. */
  #drawn: PictureLine[] = []
  #dirty = false
  /** Lines that are to stay on the terminal, which is busy. */
  #waiting: string[] = []
  #leftOut = 0
  #drawing: Promise<void> | undefined

  constructor({ terminal, clock, paint, palette, usual, advise }: LiveViewOptions) {
    this.#terminal = terminal
    this.#clock = clock
    this.#paint = paint
    this.#palette = palette
    this.#usual = usual
    this.#advise = advise
  }

  readonly emit: Emit = event => {
    this.#take(event)
    const told = permanent.has(event.event) ? describe(event, 'normal', false) : []
    const lines = [...told, ...this.#advise(event)].map(this.#paint)
    if (lines.length > 0 || event.event === 'run:ended') this.#draw(lines, event.event !== 'run:ended')
    else this.#dirty = true
  }

  /** Ends the drawing; the picture goes, the lines stay. */
  close(): void {
    this.#over.abort()
    this.#draw([], false)
  }

  #take(event: Event): void {
    switch (event.event) {
      case 'run:started': {
        const done = new Set(event.resumes?.done)
        this.#done = done
        this.#count = event.tasks.length
        this.#parallel = event.parallel !== undefined
        this.#title = `run ${event.run_id}`
        this.#begun = this.#clock.monotonic()
        this.#tasks = event.tasks.map(({ task }) => this.#view(task, done.has(task) ? 'over' : 'to come'))
        this.#drawing ??= this.#keepDrawing()
        break
      }
      case 'try:started':
        this.#start(event)
        break
      case 'try:output':
        this.#output.add(event.task, event.data)
        break
      case 'try:ended':
        this.#output.end(event.task)
        this.#leave(event.task)
        if (event.outcome === 'OK' && event.kind === 'task') this.#done.add(event.task)
        break
      case 'chain:waiting': {
        const from = this.#tasks.findIndex(({ task }) => task === event.next_task)
        // A task that is tried again alone takes nothing back of those that run beside it.
        const until = this.#parallel && event.counts === 'task' ? from + 1 : this.#tasks.length
        for (const view of this.#tasks.slice(from, until)) {
          view.state = 'to come'
          this.#done.delete(view.task)
        }
        const next = this.#tasks[from]
        if (next !== undefined)
          Object.assign(next, {
            state: 'waiting',
            since: this.#clock.monotonic(),
            wait: event.delay_seconds,
          })
        break
      }
      case 'task:skipped': {
        this.#leave(event.task)
        this.#done.add(event.task)
        break
      }
      case 'run:ended':
        this.#tasks = []
        break
    }
  }

  #view(task: string, state: TaskState): TaskView {
    const usual = this.#usual(task)
    return { task, state, try_num: 1, max_tries: 1, since: 0, usual }
  }

  #start(event: TryRef & { max_tries: number }): void {
    const view = this.#tasks.find(({ task }) => task === event.task) ?? this.#view(event.task, 'running')
    if (!this.#tasks.includes(view)) this.#tasks.push(view)
    view.state = 'running'
    view.try_num = event.try_num
    view.max_tries = event.max_tries
    view.since = this.#clock.monotonic()
    this.#output.begin(event.task)
  }

  /** The line that stays says how the task ended. */
  #leave(task: string): void {
    const view = this.#tasks.find(view => view.task === task)
    if (view !== undefined) view.state = 'over'
  }

  async #keepDrawing(): Promise<void> {
    for (let drawn = ''; !this.#over.signal.aborted; ) {
      await this.#clock.sleep(pictureEvery, this.#over.signal)
      const { columns, rows } = this.#terminal.size
      const shown = [Math.floor((this.#clock.monotonic() - this.#begun) * 2), columns, rows].join()
      if (!this.#over.signal.aborted && (this.#dirty || shown !== drawn)) this.#draw([], true)
      drawn = shown
    }
  }

  /**
   * Takes the picture away, writes lines that stay, and draws a new one below them. Row by row: some
   * terminals keep what is cleared from the top of the screen in one go.
   */
  #draw(added: readonly string[], picture: boolean): void {
    this.#waiting.push(...added)
    if (this.#terminal.isBusy && picture) {
      this.#leftOut += this.#waiting.splice(0, this.#waiting.length - mostWaiting).length
      this.#dirty = true
      return
    }
    const note = this.#leftOut === 0 ? [] : [`runner: ${this.#leftOut} lines are not shown`]
    const lines = [...note, ...this.#waiting.splice(0)]
    this.#leftOut = 0
    const size = this.#terminal.size
    this.#empty = emptyAfter(this.#empty, this.#size, size)
    this.#size = size
    const reach = size.rows - 1 - this.#empty
    const { rows, above, again } = takeAway([...this.#above, ...this.#drawn], size.columns, reach)
    const away = rows === 0 ? '' : `\x1b[${rows}A\r${'\x1b[2K\n'.repeat(rows)}\x1b[${rows}A`
    const stay = [...again, ...lines.map(line => ({ text: line, painted: line, stays: true }))]
    this.#drawn = picture && this.#tasks.length > 0 ? this.#picture(size) : []
    this.#above = above.length === 0 || above.length > mostWaiting ? [] : [...above, ...stay]
    this.#dirty = false
    const written = rowsOfAll([...stay, ...this.#drawn], size.columns)
    this.#empty = Math.max(0, this.#empty + rows - written)
    const text = [...stay, ...this.#drawn].map(({ painted }) => `${painted}\n`).join('')
    if (away !== '' || text !== '') this.#terminal.write(away + text)
  }

  #picture(size: Terminal['size']): PictureLine[] {
    const elapsed = whole(this.#clock.monotonic() - this.#begun)
    const title = `${this.#title}: ${this.#done.size} of ${counted(this.#count, 'task')} done, ${elapsed}`
    return layOut(
      { title, tasks: this.#taskLines(), output: this.#output.lines(size.rows, this.#parallel) },
      size,
      this.#palette,
    )
  }

  /** The tasks that are not over, the one that matters now first. */
  #taskLines(): { state: TaskState; text: string }[] {
    const open = this.#tasks.filter(({ state }) => state !== 'over')
    const now = open.filter(({ state }) => state !== 'to come')
    const width = Math.max(0, ...open.map(({ task }) => stringWidth(shown(task))))
    return [...now, ...open.filter(({ state }) => state === 'to come')].map(view => {
      const name = shown(view.task)
      const blanks = ' '.repeat(Math.max(0, width - stringWidth(name)))
      const facts = this.#facts(view)
      return { state: view.state, text: `  ${view.state.padEnd(7)} ${name}${blanks}  ${facts}`.trimEnd() }
    })
  }

  #facts({ state, since, wait, usual, try_num, max_tries }: TaskView): string {
    const usually = usual === undefined ? '' : `usually ${durationText(usual)}`
    const tries = try_num > 1 ? `, try ${try_num} of ${max_tries}` : ''
    const elapsed = this.#clock.monotonic() - since
    if (state === 'running') return `${whole(elapsed)}${usually === '' ? '' : ` of ${usually}`}${tries}`
    return state === 'waiting' ? `${whole((wait ?? 0) - elapsed)} to wait` : usually
  }
}

/** The events that leave lines behind; the others show in the picture. */
const permanent = new Set<Event['event']>([
  'run:started',
  'run:not-resumed',
  'try:limit',
  'try:ended',
  'hook:ended',
  'chain:waiting',
  'task:given-up',
  'task:skipped',
  'reboot:asked',
  'run:stopping',
  'notice',
  'run:ended',
])

/** Whole seconds, for times that change while they are shown. */
function whole(value: number): string {
  return value < 1 ? '0 s' : durationText(Math.floor(value))
}
