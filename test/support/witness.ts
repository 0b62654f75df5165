import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Engine } from './engine.ts'
import { marked } from './reaper.ts'
import { fixtures } from './rig.ts'

/** The address of an engine's network (withNetworks) for its containers. */
const gateway = '172.17.0.1'

/**
 * A server beside an engine to which jobs say that they begin. It knows nothing of runner, and no event of
 * runner, server or engine changes its count.
 */
export class Witness implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #counts = new Map<string, number>()
  #url = ''

  private constructor({ network }: Engine) {
    const words = [`--net=${network}`, process.execPath, join(fixtures, 'witness.mjs')]
    const env = { PATH: process.env.PATH, ...marked }
    this.#child = spawn('nsenter', words, { stdio: ['pipe', 'pipe', 'inherit'], env })
  }

  static async beside(engine: Engine): Promise<Witness> {
    const witness = new Witness(engine)
    const lines = createInterface({ input: witness.#child.stdout! })
    const [first] = (await once(lines, 'line')) as [string]
    witness.#url = `http://${gateway}:${first.replace('port ', '')}`
    lines.on('line', name => witness.#counts.set(name, witness.count(name) + 1))
    return witness
  }

  /** A request to a path below is seen as the beginning of the job of that name. */
  get url(): string {
    return this.#url
  }

  /** The number of times that a job has begun. */
  count(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin!.end()
    if (this.#child.exitCode === null) await once(this.#child, 'exit')
  }
}
