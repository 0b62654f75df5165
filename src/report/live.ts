import stringWidth from 'string-width'
import type { Clock } from '../edges.ts'
import type { Emit, Event, TryRef } from '../event.ts'
import { printable, shown } from '../process/printable.ts'
import { describe, seconds } from './describe.ts'
import type { Paint } from './terminal.ts'

/** What the view needs of a terminal. */
export interface Terminal {
  write(text: string): void
  /** Whether it has not taken yet what was written before. */
  readonly isBusy: boolean
  readonly size: { columns: number; rows: number }
}

/** Seconds between two pictures. */
const pictureEvery = 0.1
/** Lines that wait for a terminal that takes none, at the most; the first ones are left out. */
const mostWaiting = 1000
/** How many of the last lines of the running task are shown. */
const outputLines = 5

type TaskState =
  | 'to come'
  | 'running'
  | 'waiting'
  | 'OK'
  | 'RETRY'
  | 'HALT'
  | 'EXIT'
  | 'REBOOT'
  | 'INTERRUPTED'

interface TaskView {
  task: string
  state: TaskState
  try_num: number
  max_tries: number
  /** Monotonic seconds at which the try began. */
  since: number
  duration?: number
  usual?: number
}

/**
 * Shows a run as it goes: what has ended stays as lines, and below them a picture is drawn again and again, of
 * the tasks with their state, elapsed against usual time, and the last lines of the running one. No line of it is
 * wider than the terminal and it takes at most half of the screen, so nothing stays of the picture before; when
 * the terminal has become narrower, the rows that the old one has been broken into are counted. What such a
 * change has pushed out of sight stays where a terminal keeps it.
 */
export class LiveView {
  readonly #terminal: Terminal
  readonly #clock: Clock
  readonly #paint: Paint
  readonly #usual: (task: string) => number | undefined
  readonly #over = new AbortController()
  #title = ''
  #begun = 0
  #tasks: TaskView[] = []
  #current: TaskView | undefined
  #decoder = new TextDecoder()
  #tail: string[] = ['']
  /** The lines of the picture on the screen. */
  #drawn: string[] = []
  #dirty = false
  /** Lines that are to stay on the terminal, which is busy. */
  #waiting: string[] = []
  #leftOut = 0
  #drawing: Promise<void> | undefined

  constructor(terminal: Terminal, clock: Clock, paint: Paint, usual: (task: string) => number | undefined) {
    this.#terminal = terminal
    this.#clock = clock
    this.#paint = paint
    this.#usual = usual
  }

  readonly emit: Emit = event => {
    this.#take(event)
    const lines = permanent.has(event.event) ? describe(event, 'normal', false).map(this.#paint) : []
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
        this.#title = `run ${event.run_id}`
        this.#begun = this.#clock.monotonic()
        this.#tasks = event.tasks.map(({ task }) => this.#view(task, done.has(task) ? 'OK' : 'to come'))
        this.#drawing ??= this.#keepDrawing()
        break
      }
      case 'try:started':
        this.#start(event)
        break
      case 'try:output':
        this.#addOutput(event.data)
        break
      case 'try:ended':
        if (this.#current !== undefined) {
          this.#current.state = event.outcome
          this.#current.duration = event.duration_seconds
        }
        break
      case 'chain:waiting': {
        const from = this.#tasks.findIndex(({ task }) => task === event.next_task)
        for (const view of this.#tasks.slice(from + 1)) if (view.state !== 'RETRY') view.state = 'to come'
        const next = this.#tasks[from]
        if (next !== undefined)
          Object.assign(next, {
            state: 'waiting',
            since: this.#clock.monotonic(),
            duration: event.delay_seconds,
          })
        break
      }
      case 'run:ended':
        this.#tasks = []
        break
    }
  }

  #view(task: string, state: TaskState): TaskView {
    const usual = this.#usual(task)
    return { task, state, try_num: 1, max_tries: 1, since: 0, ...(usual === undefined ? {} : { usual }) }
  }

  #start(event: TryRef & { max_tries: number }): void {
    const view = this.#tasks.find(({ task }) => task === event.task) ?? this.#view(event.task, 'running')
    if (!this.#tasks.includes(view)) this.#tasks.push(view)
    view.state = 'running'
    view.try_num = event.try_num
    view.max_tries = event.max_tries
    view.since = this.#clock.monotonic()
    delete view.duration
    this.#current = view
    this.#decoder = new TextDecoder()
    this.#tail = ['']
  }

  #addOutput(data: Uint8Array): void {
    // Far more than can be seen; a picture needs the end only.
    const text = this.#decoder.decode(data.subarray(-65536), { stream: true })
    const lines = text.split('\n')
    lines[0] = `${this.#tail.at(-1) ?? ''}${lines[0]}`.slice(-4096)
    this.#tail = [...this.#tail.slice(0, -1), ...lines].slice(-outputLines - 1)
  }

  async #keepDrawing(): Promise<void> {
    for (let drawn = -1; !this.#over.signal.aborted; ) {
      await this.#clock.sleep(pictureEvery, this.#over.signal)
      const second = Math.floor((this.#clock.monotonic() - this.#begun) * 2)
      if (!this.#over.signal.aborted && (this.#dirty || second !== drawn)) this.#draw([], true)
      drawn = second
    }
  }

  /**
   * Takes the picture away, writes lines that stay, and draws a new one below them. Row by row: some terminals
   * keep what is cleared from the top of the screen in one go.
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
    const broken = this.#drawn.map(line => Math.max(1, Math.ceil(stringWidth(line) / size.columns)))
    // What is out of sight cannot be taken away; more rows than there are would be pushed out, too.
    const rows = Math.min(
      broken.reduce((sum, count) => sum + count, 0),
      size.rows - 1,
    )
    const away = rows === 0 ? '' : `\x1b[${rows}A\r${'\x1b[2K\n'.repeat(rows)}\x1b[${rows}A`
    this.#drawn = picture && this.#tasks.length > 0 ? this.#picture(size) : []
    this.#dirty = false
    const text = [...lines, ...this.#drawn].map(line => `${line}\n`).join('')
    if (away !== '' || text !== '') this.#terminal.write(away + text)
  }

  #picture({ columns, rows }: Terminal['size']): string[] {
    const done = this.#tasks.filter(({ state }) => state === 'OK').length
    const elapsed = this.#clock.monotonic() - this.#begun
    // At most half of the screen, so that a picture that has been broken into more rows still has room.
    const half = Math.floor(rows / 2)
    const output = this.#current?.state === 'running' ? this.#outputTail(Math.min(outputLines, half - 2)) : []
    const room = Math.max(1, Math.min(12, half - output.length - 1))
    const title = `${this.#title}: ${done} of ${this.#tasks.length} tasks done, ${whole(elapsed)}`
    return [title, ...this.#taskLines(room), ...output].map(line => fit(line, columns - 1))
  }

  #outputTail(count: number): string[] {
    const lines = this.#tail.at(-1) === '' ? this.#tail.slice(0, -1) : this.#tail
    const tail = (line: string) => printable(line).replaceAll('\t', ' ')
    return lines.slice(Math.max(0, lines.length - Math.max(0, count))).map(line => `    | ${tail(line)}`)
  }

  /** The tasks around the one that matters now. */
  #taskLines(room: number): string[] {
    const waiting = this.#tasks.find(({ state }) => state === 'waiting')
    const now = this.#tasks.indexOf(waiting ?? this.#current ?? this.#tasks[0]!)
    const start = Math.max(0, Math.min(now - Math.floor(room / 2), this.#tasks.length - room))
    const width = Math.max(...this.#tasks.map(({ task }) => stringWidth(shown(task))))
    return this.#tasks.slice(start, start + room).map(view => {
      const name = shown(view.task)
      return `  ${view.state.padEnd(11)} ${name}${' '.repeat(Math.max(0, width - stringWidth(name)))}  ${this.#facts(view)}`.trimEnd()
    })
  }

  #facts({ state, since, duration, usual, try_num, max_tries }: TaskView): string {
    const usually = usual === undefined ? '' : ` of usually ${seconds(usual)}`
    const tries = try_num > 1 ? `, try ${try_num} of ${max_tries}` : ''
    const elapsed = this.#clock.monotonic() - since
    if (state === 'running') return `${whole(elapsed)}${usually}${tries}`
    if (state === 'waiting') return `${whole((duration ?? 0) - elapsed)} to wait`
    return duration === undefined ? '' : `${seconds(duration)}${tries}`
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
  'reboot:asked',
  'run:stopping',
  'notice',
  'run:ended',
])

/** As much of a line as a number of columns takes. */
export function fit(line: string, columns: number): string {
  if (stringWidth(line) <= columns) return line
  let width = 0
  let fitting = ''
  for (const { segment } of segmenter.segment(line)) {
    width += stringWidth(segment)
    if (width > columns) break
    fitting += segment
  }
  return fitting
}

/** Whole seconds, for what changes as one looks. */
function whole(value: number): string {
  return value < 1 ? '0 s' : seconds(Math.floor(value))
}

const segmenter = new Intl.Segmenter()
