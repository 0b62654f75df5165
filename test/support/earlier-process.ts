/*
 * A process of a runner that a test ends in mid-step. It does what an attached runner does, but for its loops: it asks
 * for one job, and what comes of that can be held at a gate of the fake machine.
 */
import { makeServices, type RunnerServices } from '../../src/remote/services.ts'
import type { RunnerHome } from './fake-runner.ts'

export class EarlierProcess {
  readonly #services: RunnerServices
  readonly #over = new AbortController()

  private constructor(home: RunnerHome) {
    const { signal } = new AbortController()
    this.#services = makeServices(
      { ...home.options(), emit: () => {}, stop: signal, hurry: signal },
      this.#over.signal,
    )
  }

  /** Registers, and makes the backend ready. */
  static async start(home: RunnerHome): Promise<EarlierProcess> {
    const process = new EarlierProcess(home)
    const { session, context, heartbeats } = process.#services
    if (!(await session.begin())) throw new Error('the runner cannot be registered')
    await context.host.open()
    void context.host.watch()
    void heartbeats.run()
    return process
  }

  /** Takes one job, and goes on with it. */
  async takeOne(): Promise<void> {
    const { context, assignments } = this.#services
    const { signal } = this.#over
    const reserved = await context.api.reserve(1, 10, signal)
    if (!reserved.ok || reserved.value.length === 0) throw new Error('there is no job to take')
    for (const one of reserved.value) assignments.accept(one)
  }

  /** Ends as SIGKILL ends a process: it says nothing and removes nothing. */
  async crash(): Promise<void> {
    for (const assignment of this.#services.assignments.all) assignment.detach()
    this.#over.abort()
    await this.#services.context.api[Symbol.asyncDispose]()
  }
}
