import type { StdioOptions } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { Test } from 'tap'
import { systemClock } from '../../src/edges.ts'
import { defined } from '../../src/result.ts'
import { type Hold, type Lifeline, makeFifo, makeHold, makeLifeline } from './fifo.ts'
import { processesWith } from './processes.ts'
import { marked } from './reaper.ts'
import { type Component, testWith } from './require.ts'
import { Run, type Told } from './run.ts'
import { streamProblems } from './stream.ts'

const checkout = resolve(import.meta.dirname, '..', '..')
/** The launcher under test: that of the checkout, or the one that RUNNER_TEST_PROGRAM names. */
export const launcher = resolve(process.env.RUNNER_TEST_PROGRAM || join(checkout, 'bin', 'runner'))
export const fixtures = join(checkout, 'test', 'fixtures')

/** A task: the text of a shell script, or a file as it is, a link, or something that is not a task. */
export type TaskSpec =
  | string
  | { content: string | Uint8Array; mode?: number }
  | { link: string }
  | { other: 'directory' | 'fifo' }

export interface RigSpec {
  /** The tasks by their file names. */
  tasks?: Record<string, TaskSpec>
  /** Keys of `[runner]` beside those that keep waits short and everything inside the test's directory. */
  runner?: Record<string, string | number>
  /** Sections after `[runner]`. */
  config?: string
  /** More environment for the program. */
  env?: NodeJS.ProcessEnv
  /** The components that the test needs. */
  needs?: readonly Component[]
}

/** The deviations from the usual start of a program. */
export interface StartOptions {
  stdio?: StdioOptions
  /** More environment. */
  env?: NodeJS.ProcessEnv
  cwd?: string
  /** A command, with its arguments, that ends by executing the program. */
  before?: string[]
  /** Another launcher. */
  program?: string
  /** The program runs until the test ends. */
  lasting?: boolean
  /** Seconds after which a wait for output has failed; 60 unless told. */
  timeout?: number
}

const quick = { state_dir: 'state', sleep_time: 0, retry_jitter: 0, kill_grace: 5 }
let rigs = 0

/**
 * A test with a directory that holds a configuration and tasks, through the real program. When it ends, nothing
 * may be left of what it started: no process, and no file in the directory for temporary ones.
 */
export function rigTest(
  t: Test,
  title: string,
  spec: RigSpec,
  body: (t: Test, rig: Rig) => Promise<unknown>,
): Promise<unknown> {
  return testWith(t, title, spec.needs ?? [], async t => {
    t.testdirName = resolve('.tap/fixtures', `${basename(process.argv[1]!)}-${process.pid}-${++rigs}`)
    const rig = new Rig(t.testdir(), spec)
    try {
      await body(t, rig)
    } catch (error) {
      await rig.end()
      throw error
    }
    t.same(await rig.stayingLeftovers(), [], 'nothing is left')
    t.same(rig.streamProblems(), [], 'the stream of events is whole')
    if (!t.passing()) t.comment(rig.transcript)
    await rig.end()
  })
}

/** A directory with a chain, and what has been started there. */
export class Rig {
  readonly dir: string
  readonly id: string = randomUUID()
  readonly #env: NodeJS.ProcessEnv
  readonly #runs: Run[] = []
  readonly #fifos: { close(): void }[] = []

  constructor(dir: string, { tasks = {}, runner = {}, config = '', env = {} }: RigSpec) {
    this.dir = dir
    chmodSync(dir, 0o755)
    for (const folder of ['tasks.d', 'tmp']) mkdirSync(join(dir, folder), { mode: 0o755 })
    for (const [name, task] of Object.entries(tasks)) this.task(name, task)
    this.configure(runner, config)
    this.#env = {
      PATH: process.env.PATH,
      HOME: dir,
      LANG: 'C.UTF-8',
      TMPDIR: join(dir, 'tmp'),
      NODE_COMPILE_CACHE: join(checkout, '.tap', 'compile-cache'),
      RUNNER_TEST_ID: this.id,
      ...marked,
      DIR: dir,
      FIXTURES: fixtures,
      ...env,
    }
  }

  /** A path in the directory of the test, which tasks know as `$DIR`. */
  path(...names: string[]): string {
    return join(this.dir, ...names)
  }

  /** Writes runner.cfg anew. */
  configure(runner: Record<string, string | number>, config = ''): void {
    const lines = Object.entries({ ...quick, ...runner }).map(([key, value]) => `${key} = ${value}\n`)
    writeFileSync(this.path('runner.cfg'), `[runner]\n${lines.join('')}\n${config}\n`, { mode: 0o644 })
  }

  /** Makes a task, or replaces it. */
  task(name: string, task: TaskSpec): void {
    const path = this.path('tasks.d', name)
    if (typeof task === 'string') this.file(join('tasks.d', name), `#!/bin/sh\n${task}\n`, 0o755)
    else if ('link' in task) symlinkSync(task.link, path)
    else if ('content' in task) this.file(join('tasks.d', name), task.content, task.mode ?? 0o755)
    else if (task.other === 'fifo') makeFifo(path)
    else mkdirSync(path)
  }

  /** Writes a file; it has the given mode, whatever the umask is. */
  file(name: string, content: string | Uint8Array, mode = 0o644): string {
    const path = this.path(name)
    writeFileSync(path, content)
    chmodSync(path, mode)
    return path
  }

  /** Makes a FIFO `$DIR/<name>` on which tasks block. */
  hold(name: string): Hold {
    const hold = makeHold(this.path(name))
    this.#fifos.push(hold)
    return hold
  }

  /** Makes a FIFO `$DIR/<name>` that tells when processes have ended. */
  lifeline(name: string): Lifeline {
    const lifeline = makeLifeline(this.path(name))
    this.#fifos.push(lifeline)
    return lifeline
  }

  /** Starts `runner run --json`. */
  run(...args: string[]): Run {
    return this.start(['run', '--json', ...args])
  }

  /** Runs `runner run --json` to its end. */
  async finish(...args: string[]): Promise<Run & { status: number | string }> {
    const run = this.run(...args)
    return Object.assign(run, { status: await run.ended })
  }

  /** Starts the program with any arguments. */
  start(args: string[], options: StartOptions = {}): Run {
    const {
      stdio,
      cwd = this.dir,
      before: wrapper = [],
      program = launcher,
      lasting = false,
      timeout,
    } = options
    const [command, ...before] = [...wrapper, program]
    const env = { ...this.#env, ...options.env }
    const run = new Run({
      command: command!,
      args: [...before, ...args],
      cwd,
      env,
      ...defined({ stdio, timeout }),
      lasting,
    })
    this.#runs.push(run)
    return run
  }

  /** The lines of a file that tasks wrote into `$DIR`; none where there is no such file. */
  lines(name: string): string[] {
    const path = this.path(name)
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []
  }

  /** The bytes of a log of a run: `log('001-a.1.log')`. */
  log(name: string, run = 1): Buffer {
    return readFileSync(this.path('state', 'runs', String(run), name))
  }

  /** The events of a run as they stand in its journal. */
  journal(run = 1, state = this.path('state')): Told[] {
    const text = readFileSync(join(state, 'runs', String(run), 'events.jsonl'), 'utf8')
    return text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as Told)
  }

  /** The notices of a run as they stand in its journal. */
  notices(run = 1, state = this.path('state')): string[] {
    return this.journal(run, state).flatMap(event => (event.event === 'notice' ? event.message : []))
  }

  /** Things that should have gone with the run: processes, temporary files, FIFOs. */
  leftovers(): string[] {
    const processes = processesWith('RUNNER_TEST_ID', this.id).map(
      ({ pid, command }) => `process ${pid}: ${command}`,
    )
    const state = this.path('state')
    const names = existsSync(state) ? readdirSync(state, { recursive: true, encoding: 'utf8' }) : []
    const outputs = names.filter(name => basename(name).startsWith('output-'))
    return [...processes, ...readdirSync(this.path('tmp')), ...outputs]
  }

  /**
   * The leftovers that are still there after two seconds: a short program that runner was waiting for when it
   * had to end (`busybox --list`) ends by itself a moment later.
   */
  async stayingLeftovers(): Promise<string[]> {
    for (let look = 0; ; look++) {
      const left = this.leftovers()
      if (left.length === 0 || look === 100) return left
      await systemClock.sleep(0.02)
    }
  }

  /** The problems with the events of the programs that were not killed. */
  streamProblems(): string[] {
    return this.#runs.filter(run => run.child.exitCode !== null).flatMap(run => streamProblems(run.events))
  }

  /** The programs and their output, shortened. */
  get transcript(): string {
    return this.#runs.map(run => run.transcript).join('\n')
  }

  /** Ends all programs that still run. */
  async end(): Promise<void> {
    for (const fifo of this.#fifos.splice(0)) fifo.close()
    for (const { pid } of processesWith('RUNNER_TEST_ID', this.id)) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // The process ended by itself.
      }
    }
    await Promise.allSettled(this.#runs.map(run => run.ended))
  }
}
