/* An attached runner in the process of the test, whose jobs run on a fake machine. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { RemoteConfiguration } from '../../src/config/sections/remote.ts'
import { type Edges, systemChance, systemClock } from '../../src/edges.ts'
import { type AttachEnd, attach } from '../../src/remote/attach.ts'
import type { AttachOptions } from '../../src/remote/attach-options.ts'
import type { StopKind } from '../../src/remote/drain.ts'
import type { AttachEvent } from '../../src/remote/events.ts'
import { FakeBackend } from '../../src/remote/executors/fake/backend.ts'
import { FakeMachine } from '../../src/remote/executors/fake/machine.ts'
import type { Identity } from '../../src/remote/link/identity.ts'
import { ok } from '../../src/result.ts'
import type { ServerSettings } from '../../src/server/rules/context.ts'
import { Notifier } from '../../src/system/wait.ts'
import { settings } from './executors.ts'
import { rsaKeys } from './keys.ts'
import { LocalServer } from './local-server.ts'

type EventOf<E extends AttachEvent['event']> = Extract<AttachEvent, { event: E }>

const edges: Edges = { clock: systemClock, chance: systemChance }

const keys = rsaKeys('runner')

/** A runner: its identity, its state directory, and the machine on which its jobs run. */
export class RunnerHome {
  readonly identity: Identity
  readonly machine: FakeMachine
  readonly stateDir: string
  readonly server: Pick<LocalServer, 'url' | 'token'>

  constructor(parent: string, server: Pick<LocalServer, 'url' | 'token'>) {
    const directory = join(parent, randomUUID())
    this.stateDir = join(directory, 'state')
    this.server = server
    this.identity = { uuid: randomUUID(), public_key: keys.publicKey, private_key: keys.privateKey }
    mkdirSync(this.stateDir, { recursive: true })
    writeFileSync(join(this.stateDir, 'identity.json'), JSON.stringify({ uuid: this.identity.uuid }))
    this.machine = new FakeMachine(join(directory, 'machine'), systemClock)
  }

  get spool(): string {
    return join(this.stateDir, 'spool')
  }

  options(changes: Partial<RemoteConfiguration> = {}): Omit<AttachOptions, 'emit' | 'stop' | 'hurry'> {
    const { server, stateDir } = this
    return {
      identity: this.identity,
      server: new URL(`${server.url}/`),
      transport: {},
      readTransport: () => ok({}),
      registrationToken: () => ok(server.token('registration')),
      remote: {
        capabilities: ['remote', 'remote-script', 'container'],
        runner_group: 'default',
        taints: [],
        name: 'one',
        drain_time: 10,
        on_stop: 'drain',
        on_lost: 'run',
        health_listen: { host: '127.0.0.1', port: 0 },
        state_dir: stateDir,
        work_dir: join(stateDir, 'work'),
        metadata: {},
        ...changes,
      },
      executor: settings,
      openBackend: () => new FakeBackend(this.machine),
      minFree: 0,
      version: '1',
      env: {},
      edges,
    }
  }

  /** Attaches it, as one process does. */
  attach(changes: Partial<RemoteConfiguration> = {}): FakeRunner {
    return new FakeRunner(this, changes)
  }
}

/** One process of a runner, and what it has told. */
export class FakeRunner {
  readonly home: RunnerHome
  readonly events: AttachEvent[] = []
  readonly end: Promise<AttachEnd>
  readonly #told = new Notifier()
  readonly #stop = new AbortController()
  readonly #hurry = new AbortController()

  constructor(home: RunnerHome, changes: Partial<RemoteConfiguration>) {
    this.home = home
    this.end = attach({
      ...home.options(changes),
      emit: event => {
        this.events.push(event)
        this.#told.notify()
      },
      stop: this.#stop.signal,
      hurry: this.#hurry.signal,
    })
  }

  all<E extends AttachEvent['event']>(event: E): EventOf<E>[] {
    return this.events.filter((told): told is EventOf<E> => told.event === event)
  }

  /** Waits for an event that fits, past or to come. */
  async event<E extends AttachEvent['event']>(
    event: E,
    fits: (told: EventOf<E>) => boolean = () => true,
  ): Promise<EventOf<E>> {
    const late = AbortSignal.timeout(20_000)
    for (;;) {
      const { notified } = this.#told
      const found = this.all(event).find(fits)
      if (found !== undefined) return found
      if (late.aborted) throw new Error(`no event ${event}: ${JSON.stringify(this.events)}`)
      await Promise.race([notified, systemClock.sleep(1)])
    }
  }

  async ready(): Promise<this> {
    await Promise.all([this.event('life:changed', ({ to }) => to === 'ready'), this.event('engine:ready')])
    return this
  }

  stop(kind: StopKind = 'drain'): Promise<AttachEnd> {
    this.#stop.abort(kind)
    return this.end
  }

  /** Asks it, while it drains, to end what runs. */
  hurry(): void {
    this.#hurry.abort()
  }
}

/** A test with a server, and runners on fake machines; those that still run are stopped afterwards. */
export function runnerTest(
  t: Test,
  title: string,
  body: (
    t: Test,
    parts: { server: LocalServer; home: RunnerHome; start: RunnerHome['attach'] },
  ) => Promise<unknown>,
  settings: Partial<ServerSettings> = {},
): Promise<unknown> {
  return t.test(title, async t => {
    const directory = t.testdir({})
    await using server = await LocalServer.start(directory, settings)
    const home = new RunnerHome(directory, server)
    const runners: FakeRunner[] = []
    const start = (changes: Partial<RemoteConfiguration> = {}) => {
      const runner = home.attach(changes)
      runners.push(runner)
      return runner
    }
    try {
      await body(t, { server, home, start })
    } finally {
      await Promise.all(runners.map(runner => runner.stop('detach')))
      home.machine.crash()
    }
  })
}
