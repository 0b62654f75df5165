/*
 * Attached runners: the real program, against a real server and a throw-away engine.
 */
import { existsSync, globSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Execution } from '../../src/protocol/messages/executions.ts'
import type { Runner } from '../../src/protocol/messages/runners.ts'
import type { AttachEvent } from '../../src/remote/events.ts'
import type { Engine } from './engine.ts'
import { fixtures, type Rig, rigTest } from './rig.ts'
import type { Run } from './run.ts'
import { TestServer } from './server.ts'

/** A job that runs until it is released. */
export const held = [
  'sh',
  '-c',
  'echo began; until ls /.runner/jobs/*/go >/dev/null 2>&1; do sleep 0.05; done; echo went on',
]

export interface AttachSpec {
  /** Lines of `[server]`. */
  server?: Record<string, string | number>
}

type Told = AttachEvent & { at: string; level: string; message: string }
type ToldOf<E extends AttachEvent['event']> = Extract<Told, { event: E }>

/** Seconds after which a test that still waits has failed. */
const timeout = 40

/** An attached runner, and what it has told. */
export class Attached {
  readonly run: Run
  readonly #told: Told[] = []
  readonly #listeners = new Set<() => void>()
  #rest = ''

  constructor(run: Run) {
    this.run = run
    run.child.stderr!.on('data', (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString()).split('\n')
      this.#rest = lines.pop()!
      for (const line of lines) if (line.startsWith('{')) this.#told.push(JSON.parse(line) as Told)
      this.#tell()
    })
    void run.ended.then(() => this.#tell())
  }

  get pid(): number {
    return this.run.child.pid!
  }

  all<E extends AttachEvent['event']>(event: E): ToldOf<E>[] {
    return this.#told.filter((told): told is ToldOf<E> => told.event === event)
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  /** Waits for an event that fits, past or to come; `from` passes over so many of them. */
  async event<E extends AttachEvent['event']>(
    event: E,
    fits: (told: ToldOf<E>) => boolean = () => true,
    from = 0,
  ): Promise<ToldOf<E>> {
    const look = () => this.all(event).filter(fits)[from]
    let found = look()
    const late = AbortSignal.timeout(timeout * 1000)
    while (found === undefined) {
      if (late.aborted || this.run.child.exitCode !== null)
        throw new Error(`no event ${event}\n${this.run.transcript}`)
      await new Promise<void>(resolve => {
        const done = () => {
          this.#listeners.delete(done)
          late.removeEventListener('abort', done)
          resolve()
        }
        this.#listeners.add(done)
        late.addEventListener('abort', done)
      })
      found = look()
    }
    return found
  }

  /** Waits until it takes work. */
  async ready(): Promise<this> {
    await Promise.all([this.event('life:changed', ({ to }) => to === 'ready'), this.event('engine:ready')])
    return this
  }

  /** Asks it to stop; resolves to its exit status. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    this.run.child.kill(signal)
    return this.run.ended
  }
}

/** Attaches a runner whose jobs run on this host: those that ask for the capability `host`. */
export function attachOnHost(
  { rig, url }: TestServer,
  name: string,
  tokenFile: string = rig.path('state', 'server', 'registration.token'),
): Attached {
  const where = { server: url, directory: rig.path(name), name, tokenFile }
  const args = [join(fixtures, 'attached-on-host.ts'), JSON.stringify(where)]
  return new Attached(rig.start(args, { lasting: true, program: process.execPath }))
}

/** A server, an engine, and runners that take jobs from one to the other. */
export class AttachRig {
  readonly rig: Rig
  readonly engine: Engine
  readonly server: TestServer
  readonly #names = new Set<string>()

  constructor(rig: Rig, engine: Engine, server: TestServer) {
    this.rig = rig
    this.engine = engine
    this.server = server
  }

  workDir(name: string): string {
    return join(this.engine.directory, `work-${this.rig.id}-${name}`)
  }

  stateDir(name: string): string {
    return this.rig.path(`state-${name}`, 'remote')
  }

  /** Writes the configuration of a runner. */
  configure(name: string, remote: Record<string, string | number> = {}, executor = '', runner = ''): string {
    this.#names.add(name)
    const keys = {
      url: this.server.url,
      token_file: this.rig.path('state', 'server', 'registration.token'),
      name,
      work_dir: this.workDir(name),
      health_listen: '127.0.0.1:0',
      ...remote,
    }
    const lines = Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`)
    return this.rig.file(
      `${name}.cfg`,
      `[runner]\nstate_dir = state-${name}\n${runner}\n[remote]\n${lines.join('')}[executor]\ndocker_host = unix://${this.engine.socket}\npull = never\nnetwork = none\nmemory = 128M\npids = 64\n${executor}\n`,
    )
  }

  /** Starts a runner with the configuration of its name. */
  start(name: string, ...args: string[]): Attached {
    if (!this.#names.has(name)) this.configure(name)
    const config = this.rig.path(`${name}.cfg`)
    return new Attached(this.rig.start(['-c', config, '-v', 'attach', '--json', ...args], { lasting: true }))
  }

  /** Starts one, and waits until it takes work. */
  attach(name: string, remote: Record<string, string | number> = {}, executor = ''): Promise<Attached> {
    this.configure(name, remote, executor)
    return this.start(name).ready()
  }

  /** Runs a command of the program with the configuration of a runner. */
  command(name: string, ...args: string[]): Run {
    return this.rig.start(['-c', this.rig.path(`${name}.cfg`), ...args])
  }

  submit(body: Record<string, unknown>): Promise<Execution> {
    return this.server.submit({ image: 'box', ...body })
  }

  /** Waits until an execution is in a state. */
  async state(id: string, ...states: Execution['state'][]): Promise<Execution> {
    const end = Date.now() + timeout * 1000
    for (;;) {
      const execution = await this.server.execution(id).catch(() => undefined)
      if (execution !== undefined && states.includes(execution.state)) return execution
      if (Date.now() > end) throw new Error(`${id} is ${execution?.state}, not ${states.join(' or ')}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  /** Waits until an execution is as it should be. */
  async until(id: string, isSo: (execution: Execution) => boolean): Promise<Execution> {
    const end = Date.now() + timeout * 1000
    for (;;) {
      const execution = await this.server.execution(id)
      if (isSo(execution)) return execution
      if (Date.now() > end) throw new Error(`it stays as it is: ${JSON.stringify(execution)}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  /** Waits until there is this attempt of a run. */
  async attempt(group: string, attempt: number): Promise<Execution> {
    const end = Date.now() + timeout * 1000
    for (;;) {
      const { json } = await this.server.call('GET', `/v1/executions?group=${group}`)
      const found = (json.items as Execution[]).find(one => one.attempt === attempt)
      if (found !== undefined) return found
      if (Date.now() > end) throw new Error(`there is no attempt ${attempt}: ${JSON.stringify(json)}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  /** Waits until an execution has ended and all of its log is there. */
  async ended(id: string): Promise<Execution> {
    const end = Date.now() + timeout * 1000
    for (;;) {
      const execution = await this.state(id, 'succeeded', 'failed', 'aborted', 'withdrawn', 'lost')
      if (execution.log.complete || execution.started_at === null) return execution
      if (Date.now() > end)
        throw new Error(`the log of ${id} is not complete: ${JSON.stringify(execution.log)}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  /** Waits until a held job has begun, by its log at the server. */
  async began(id: string): Promise<void> {
    const end = Date.now() + timeout * 1000
    while (!(await this.log(id)).startsWith('began')) {
      if (Date.now() > end) throw new Error(`${id} has not begun`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  async log(id: string): Promise<string> {
    return (await this.server.call('GET', `/v1/executions/${id}/log`)).text
  }

  /** Lets a held job go on; `work` is where its work directory is, if that is none of the usual ones. */
  release(id: string, work = join(this.engine.directory, `work-${this.rig.id}-*`)): void {
    const [exchangeDir] = globSync(join(work, '*', 'jobs', id))
    if (exchangeDir === undefined) throw new Error(`${id} has no exchange directory`)
    writeFileSync(join(exchangeDir, 'go'), '')
  }

  /** Things that should have gone: containers, networks, files of executors, executions in spools. */
  async leftovers(): Promise<string[]> {
    return [...(await this.engine.containers()), ...(await this.engine.networks()), ...this.filesLeft()]
  }

  /** The files among them. */
  filesLeft(): string[] {
    return [...this.#names].flatMap(name =>
      [this.workDir(name), join(this.stateDir(name), 'spool')].flatMap(path =>
        existsSync(path) ? readdirSync(path).map(file => join(path, file)) : [],
      ),
    )
  }

  /** A runner as the server shows it. */
  async runner(name: string): Promise<Runner> {
    const { items } = (await this.server.call('GET', '/v1/runners')).json as { items: Runner[] }
    return items.find(runner => runner.name === name)!
  }

  /** Waits until nothing is left, as far as that comes by itself. */
  async empty(): Promise<string[]> {
    for (let attempt = 0; ; attempt++) {
      const left = await this.leftovers()
      if (left.length === 0 || attempt === 100) return left
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}

/** Timings with which losing a runner takes a moment, and being slow does not lose one. */
const timings = {
  lease_seconds: 6,
  confirm_within_seconds: 4,
  ping_interval_seconds: 1,
  reserve_wait_seconds: 10,
}

/** A test with a server of its own on an engine of many tests; nothing may be left in that. */
export function attachTest(
  t: Test,
  title: string,
  engine: Engine,
  spec: AttachSpec,
  body: (t: Test, fleet: AttachRig) => Promise<unknown>,
  makeFleet = (...parts: ConstructorParameters<typeof AttachRig>) => new AttachRig(...parts),
): Promise<unknown> {
  return rigTest(t, title, {}, async (t, rig) => {
    const lines = Object.entries({ listen: '127.0.0.1:0', ...timings, ...spec.server })
    rig.configure({}, `[server]\n${lines.map(([key, value]) => `${key} = ${value}\n`).join('')}`)
    const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
    const fleet = makeFleet(rig, engine, server)
    try {
      await body(t, fleet)
      t.same(await fleet.empty(), [], 'nothing is left in the engine, and no result on disk')
    } finally {
      if (server.run.child.exitCode === null && server.run.child.signalCode === null) await server.stop()
    }
  })
}
