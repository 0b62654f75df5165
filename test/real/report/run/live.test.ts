import { setTimeout as wait } from 'node:timers/promises'
import { execaSync } from 'execa'
import t from 'tap'
import { isAlive } from '../../../support/processes.ts'
import { marked } from '../../../support/reaper.ts'
import { program } from '../../../support/require.ts'
import { launcher, type Rig, rigTest } from '../../../support/rig.ts'

const tmux = program('tmux')

/** A terminal in which the program runs; the server and its socket go with it. */
class Screen implements AsyncDisposable {
  readonly #rig: Rig
  readonly #socket: string

  constructor(rig: Rig, columns: number, rows: number) {
    this.#rig = rig
    this.#socket = rig.path('tmux')
    const size = ['-x', String(columns), '-y', String(rows)]
    const command = `cd '${rig.dir}'; '${launcher}' run; echo "status $?"; read x < '${rig.path('end')}'`
    this.#tmux('-f', '/dev/null', 'new-session', '-d', ...size, command)
  }

  #tmux(...args: string[]): string {
    const env = {
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      TERM: 'xterm',
      RUNNER_TEST_ID: this.#rig.id,
      ...marked,
      DIR: this.#rig.dir,
    }
    return execaSync(tmux.path, ['-S', this.#socket, ...args], {
      env,
      extendEnv: false,
      stripFinalNewline: false,
    }).stdout
  }

  /**
   * The visible text. Lines that a terminal pushes out of sight when it becomes narrower are out of reach.
   */
  get text(): string {
    return this.#tmux('capture-pane', '-p').trimEnd()
  }

  /** With what has been pushed out of sight. */
  get all(): string {
    return this.#tmux('capture-pane', '-p', '-S', '-').trimEnd()
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows))
  }

  /** Waits until the screen has a text. */
  async has(pattern: RegExp): Promise<string> {
    for (let looks = 0; looks < 400; looks++) {
      const { text } = this
      if (pattern.test(text)) return text
      await wait(50)
    }
    throw new Error(`waited for ${pattern}; the screen has\n${this.text}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const server = Number(this.#tmux('display-message', '-p', '#{pid}'))
    this.#tmux('kill-server')
    // Only for the terminal: a run that is not over survives it, and the rig ends that.
    while (isAlive(server)) await wait(20)
  }
}

const lines =
  'for i in 1 2 3 4 5 6 7 8; do echo "line $i of $RUNNER_TASK_FILE, and so much more that a narrow window does not take it"; done'

rigTest(
  t,
  'on a terminal the tasks are shown with their state, and the last lines of the running one',
  { needs: [tmux], tasks: { a: lines, b: `${lines}; read x < "$DIR/hold"`, c: 'exit 0' } },
  async (t, rig) => {
    const hold = rig.hold('hold')
    rig.hold('end')
    await using screen = new Screen(rig, 60, 24)
    const text = await screen.has(/line 8 of b/)
    t.match(text, /^run 1: 1 of 3 tasks done, \d+ s$/m)
    t.match(text, /^runner: a: OK /m)
    t.notMatch(text, /^ {2}\w+ +a\b/m, 'a task that is over is not in the picture too')
    t.match(text, /^ {2}running b +0 s$/m)
    t.match(text, /^ {2}to come c$/m)
    t.match(text, /^ {4}\| line 5 of b, and so much more that a narrow window do$/m)
    t.notMatch(text, 'line 8 of a', 'the picture of the task before has gone')
    hold.release()
    const after = await screen.has(/status 0/)
    t.notMatch(after, /\| line|to come|tasks done/, 'of the picture nothing is left')
    t.match(after, /runner: a: OK .*\nrunner: b: OK .*\nrunner: c: OK .*\nrunner: run 1 succeeded/)
  },
)

rigTest(
  t,
  'nothing stays garbled when the terminal becomes narrower and wider while output comes',
  {
    needs: [tmux],
    runner: { retry_from: 'failed' },
    tasks: {
      a: `${lines}; read x < "$DIR/hold"; ${lines}; read x < "$DIR/hold"`,
      b: '[ "$RUNNER_TRY" = 2 ] || { echo why; exit 1; }',
    },
  },
  async (t, rig) => {
    const hold = rig.hold('hold')
    rig.hold('end')
    await using screen = new Screen(rig, 100, 30)
    await screen.has(/line 8 of a, and so much more that a narrow window does not take it/)
    screen.resize(60, 30)
    await screen.has(/line 8 of a, and so much more that a narrow window do$/m)
    screen.resize(110, 30)
    await screen.has(/line 8 of a, and so much more that a narrow window does not take it$/m)
    hold.release()
    hold.release()
    const after = await screen.has(/status 0/)
    t.notMatch(after, /\| line|to come|tasks done/, 'of the picture nothing is left')
    t.match(after, /runner: b: RETRY \(exit status 1, .*\nrunner: {3}\| why\n/, 'why it failed stays')
  },
)

rigTest(
  t,
  'a picture that is broken into more rows than the screen has is taken away without scrolling',
  { needs: [tmux], tasks: { a: `${lines}; read x < "$DIR/hold"` } },
  async (t, rig) => {
    const hold = rig.hold('hold')
    rig.hold('end')
    await using screen = new Screen(rig, 120, 12)
    await screen.has(/line 8 of a, and so much more that a narrow window does not take it/)
    screen.resize(15, 12)
    // The terminal breaks the picture, `line 8 of` in its first row, until a new one is drawn.
    await screen.has(/^ {4}\| line 8 o$/m)
    hold.release()
    await screen.has(/status 0/)
    t.notMatch(screen.all, /\n\n/, 'no empty rows are left behind')
  },
)
