/*
 * A fake job. Its words are the steps of its program, one after the other, and exit status 0 follows the
 * last:
 *
 *   late:SECONDS      starts only then                  never             never starts
 *   say:TEXT          writes to its log                 fill:BYTES        writes so many bytes to its log
 *   tell:TEXT         writes a line to its log
 *   env:NAME          writes a variable to its log      input             writes its input to its log
 *   output:TEXT       leaves an output                  spoil             leaves something in its slot
 *   hold:NAME         waits until the test releases it  sleep:SECONDS     waits
 *   trap:CODE:SECONDS ends so at SIGTERM                ignore            does not end at SIGTERM
 *   exit:CODE         ends                              use:SECONDS:BYTES  has used so much time and memory
 *   oom  disk  not-startable  lost  evicted  node-lost  preempted         ends in that way
 */
import { appendFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../../edges.ts'
import { aborted } from '../../../system/wait.ts'
import type { ExecutorJob, JobExit, JobResources } from '../executor.ts'
import type { FakeJobFiles } from './files.ts'

/** The end of a job without its times. */
type Ending<E = JobExit> = E extends JobExit ? Omit<E, 'startedAt' | 'at' | 'resources'> : never

/** The parts of a machine that its processes use. */
export interface FakeSurroundings {
  clock: Clock
  /** Settles when the test releases a hold. */
  hold(name: string): Promise<void>
  /** Something about a job has changed. */
  notify(): void
  /** Ends the slot of the job. */
  endSlot(): void
  spoilSlot(): void
}

const { SIGKILL, SIGTERM } = constants.signals
const killed = 128 + SIGKILL

/** The number of a signal, which is given by its name or its number. */
function numberOf(signal = 'SIGTERM'): number {
  return Object.entries(constants.signals).find(([name]) => name === signal)?.[1] ?? Number(signal)
}

export class FakeProcess {
  readonly #job: ExecutorJob
  readonly #files: FakeJobFiles
  readonly #around: FakeSurroundings
  readonly #over = new AbortController()
  #startedAt: Date | undefined
  /** The reaction to SIGTERM; undefined: the process ends as at any other signal. */
  #trap: { code: number; seconds: number } | undefined
  #asked = false
  #used: JobResources = {}

  constructor(job: ExecutorJob, files: FakeJobFiles, around: FakeSurroundings) {
    this.#job = job
    this.#files = files
    this.#around = around
    void this.#run()
  }

  /** Ends the process as the kernel does: it writes nothing more. */
  kill(): void {
    this.#over.abort()
  }

  /** Gives the process its signal and its grace, once. */
  async ask(by: 'stopped' | 'time-limit'): Promise<void> {
    // A process that has not begun gets the signal when it begins.
    if (this.#asked || this.#startedAt === undefined) return
    this.#asked = true
    const { grace } = this.#job
    const signal = numberOf(this.#job.signal)
    const { code, seconds } = (signal === SIGTERM && this.#trap) || { code: 128 + signal, seconds: 0 }
    await this.#around.clock.sleep(Math.min(seconds, grace), this.#over.signal)
    this.#end({ by, code: seconds <= grace ? code : killed })
  }

  async #run(): Promise<void> {
    const { command = [], args = [], limit } = this.#job
    for (const word of [...command, ...args]) {
      const [verb, ...rest] = word.split(':')
      if (verb !== 'late' && verb !== 'never') this.#begin(limit)
      await this.#step(verb!, rest.join(':'))
      if (this.#over.signal.aborted) return
    }
    this.#begin(limit)
    this.#end({ by: 'status', code: 0 })
  }

  #begin(limit: number): void {
    if (this.#startedAt !== undefined || this.#over.signal.aborted) return
    this.#startedAt = this.#around.clock.now()
    this.#files.write('started', this.#startedAt.toISOString())
    this.#around.notify()
    if (this.#files.has('stop')) void this.ask('stopped')
    if (limit > 0)
      void this.#around.clock.sleep(limit, this.#over.signal).then(() => {
        if (!this.#over.signal.aborted) void this.ask('time-limit')
      })
  }

  async #step(verb: string, rest: string): Promise<void> {
    const { clock, hold } = this.#around
    switch (verb) {
      case 'late':
      case 'sleep':
        return clock.sleep(Number(rest), this.#over.signal)
      case 'never':
        this.#over.abort()
        return this.#files.write('never', '')
      case 'say':
        return this.#say(rest)
      case 'tell':
        return this.#say(`${rest}\n`)
      case 'fill':
        return this.#say('x'.repeat(Number(rest)))
      case 'env':
        return this.#say({ ...this.#job.env, ...this.#job.secretEnv }[rest] ?? '')
      case 'input':
        return this.#say(this.#job.plugin?.input ?? '')
      case 'output':
        return this.#write('output', rest)
      case 'spoil':
        return this.#around.spoilSlot()
      case 'hold':
        return Promise.race([hold(rest), aborted(this.#over.signal)])
      case 'ignore':
        this.#trap = { code: killed, seconds: Number.POSITIVE_INFINITY }
        return
      case 'trap': {
        const [code, seconds = 0] = rest.split(':').map(Number)
        this.#trap = { code: code!, seconds }
        return
      }
      case 'use': {
        const [cpuSeconds, peakMemoryBytes] = rest.split(':').map(Number)
        this.#used = { cpuSeconds, peakMemoryBytes }
        return
      }
      case 'exit':
        return this.#end({ by: 'status', code: Number(rest) })
      case 'oom':
        return this.#end({ by: 'oom', code: killed })
      case 'disk':
        return this.#end({ by: 'disk', code: killed, message: 'it wrote more than it may' })
      case 'not-startable':
        this.#say('there is no such program\n')
        return this.#end({ by: 'not-startable', code: 127 })
      case 'lost':
        return this.#around.endSlot()
      case 'evicted':
      case 'node-lost':
      case 'preempted':
        this.#end({ by: verb, message: `a fake job ended as ${verb}` })
        return this.#around.endSlot()
      default:
        this.#say(`there is no step ${verb}\n`)
        return this.#end({ by: 'not-startable', code: 127 })
    }
  }

  #say(text: string): void {
    const { directory } = this.#files
    if (directory === undefined || this.#over.signal.aborted) return
    appendFileSync(join(directory, 'log'), text)
    this.#around.notify()
  }

  #write(name: string, content: string): void {
    const { directory } = this.#files
    if (directory !== undefined && !this.#over.signal.aborted) writeFileSync(join(directory, name), content)
  }

  #end(ending: Ending): void {
    if (this.#over.signal.aborted) return
    this.#over.abort()
    const times = { startedAt: this.#startedAt ?? this.#around.clock.now(), at: this.#around.clock.now() }
    this.#files.write('exit.json', JSON.stringify({ ...ending, ...times, resources: this.#used }))
    this.#around.notify()
  }
}
