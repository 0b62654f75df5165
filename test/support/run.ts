import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import type { Event } from '../../src/event.ts'

/** An event as `--json` tells it. */
export type Told = (Event extends infer E
  ? E extends { data: unknown }
    ? Omit<E, 'data'> & { text: string }
    : E
  : never) & {
  at: string
}
export type ToldOf<K extends Told['event']> = Extract<Told, { event: K }>

/** Seconds after which a test that still waits has failed: far more than most take on a machine that others use too. */
const usualTimeout = 60

export interface Launch {
  command: string
  args: readonly string[]
  cwd: string
  env: NodeJS.ProcessEnv
  stdio?: StdioOptions
  /** The program runs until the test ends. */
  lasting?: boolean
  /** Seconds after which a wait has failed; 60 unless told. */
  timeout?: number
}

/**
 * The program as it runs, and what it has said so far. It is started without execa, whose `stdio` takes no descriptor of
 * an open file (its types end at 9): tests give the program pipes and files that they have opened themselves.
 */
export class Run {
  readonly child: ChildProcess
  /** The bytes from standard output and error. */
  readonly out: Buffer[] = []
  readonly err: Buffer[] = []
  /** Settles when the process has ended and its output has been read; the status, or the name of a signal. */
  readonly ended: Promise<number | string>
  readonly #timeout: number
  readonly #told: Told[] = []
  readonly #lookAgain = new Set<() => void>()
  #over = false
  #rest = ''

  constructor({
    command,
    args,
    cwd,
    env,
    stdio = ['ignore', 'pipe', 'pipe'],
    lasting = false,
    timeout = usualTimeout,
  }: Launch) {
    this.#timeout = timeout
    this.child = spawn(command, args, { cwd, env, stdio })
    const json = args.includes('run') && args.includes('--json') && !args.includes('plugin')
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.out.push(chunk)
      if (json) this.#read(chunk)
      this.#look()
    })
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.err.push(chunk)
      this.#look()
    })
    const closed = new Promise<number | string>((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code, signal) => {
        this.#over = true
        this.#look()
        resolve(code ?? signal ?? 'lost')
      })
    })
    this.ended = lasting ? closed : this.#patiently('the end', closed)
    this.ended.catch(() => {})
  }

  #read(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) this.#told.push(JSON.parse(Buffer.from(line, 'latin1').toString()) as Told)
  }

  #look(): void {
    for (const look of [...this.#lookAgain]) look()
  }

  async #patiently<T>(what: string, promise: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      late.reject(new Error(`waited ${this.#timeout} s for ${what}\n${this.transcript}`))
      this.child.kill('SIGKILL')
    }, this.#timeout * 1000)
    try {
      return await Promise.race([promise, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  #until<T>(what: string, look: () => T | undefined): Promise<T> {
    const seen = new Promise<T>((resolve, reject) => {
      const again = () => {
        const found = look()
        if (found === undefined && !this.#over) return
        this.#lookAgain.delete(again)
        if (found !== undefined) resolve(found)
        else reject(new Error(`the run ended without ${what}\n${this.transcript}`))
      }
      this.#lookAgain.add(again)
      again()
    })
    return this.#patiently(what, seen)
  }

  /** All events of a kind so far. */
  all<K extends Told['event']>(kind: K): ToldOf<K>[] {
    return this.#told.filter((told): told is ToldOf<K> => told.event === kind)
  }

  get events(): readonly Told[] {
    return this.#told
  }

  /** Waits for the first event of a kind that fits, be it past or to come. */
  event<K extends Told['event']>(
    kind: K,
    fits: (event: ToldOf<K>) => boolean = () => true,
  ): Promise<ToldOf<K>> {
    return this.#until(`the event ${kind}`, () => this.all(kind).find(fits))
  }

  /** Waits until the tasks together have written a text. */
  output(text: string): Promise<true> {
    return this.#until(
      `the output ${JSON.stringify(text)}`,
      () => this.taskOutput().includes(text) || undefined,
    )
  }

  /** Waits until a text has come on standard output, or on standard error. */
  says(text: string): Promise<true> {
    return this.#until(`the words ${JSON.stringify(text)}`, () => this.text.includes(text) || undefined)
  }

  /** The output of all tries, or of those of one task. */
  taskOutput(task?: string): string {
    const outputs = this.all('try:output').filter(output => task === undefined || output.task === task)
    return outputs.map(output => output.text).join('')
  }

  /** The outcomes of all tries, or of those of one task, in order. */
  outcomes(task?: string): string[] {
    return this.all('try:ended')
      .filter(end => end.kind === 'task' && (task === undefined || end.task === task))
      .map(end => end.outcome)
  }

  /** The hooks in which something went wrong. */
  get hookFailures(): ToldOf<'hook:ended'>[] {
    return this.all('hook:ended').filter(({ failure }) => failure !== undefined)
  }

  /** The file names of all tries in their order. */
  get tries(): string[] {
    return this.all('try:started').map(start => start.task)
  }

  /** Everything that came on standard output and error. */
  get text(): string {
    return Buffer.concat([...this.out, ...this.err]).toString()
  }

  get transcript(): string {
    return `${this.child.spawnargs.join(' ')}\n${this.text.slice(-4000)}`
  }
}
