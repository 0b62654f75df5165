import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('../fixtures/oracle.py', import.meta.url))

/** Debian's own first: another one on PATH may be slow to start. */
export function findPython(): string | undefined {
  return ['/usr/bin/python3', 'python3'].find(path => spawnSync(path, ['-c', '']).status === 0)
}

export type Answer = Record<string, Record<string, string>>

/** One Python process that reads files as the dialect's model does. */
export class Oracle implements AsyncDisposable {
  readonly #child
  readonly #answers

  constructor(python: string) {
    this.#child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** What the files say, merged; questions must not overlap. */
  async ask(files: Uint8Array[]): Promise<Answer> {
    const question = JSON.stringify(files.map(file => Buffer.from(file).toString('base64')))
    this.#child.stdin.write(`${question}\n`)
    const { value, done } = await this.#answers.next()
    if (done) throw new Error('the oracle has ended')
    return JSON.parse(value) as Answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin.end()
    await ended
  }
}
